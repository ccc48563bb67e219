// What decides the bits of an update.

#ifndef CORE_ENGINE_VERSION_H_
#define CORE_ENGINE_VERSION_H_

namespace descent {

// Engines of one version compute the same bits from the same model and updates, on every processor
// and with every compiler; tests/golden/hashes.json holds them to it. Raised whenever what an
// update computes changes.
inline constexpr int kEngineVersion = 1;

}  // namespace descent

#endif  // CORE_ENGINE_VERSION_H_
