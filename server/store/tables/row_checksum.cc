#include "server/store/tables/row_checksum.h"

#include <xxhash.h>

namespace descent::store {

std::uint64_t HashOf(std::string_view bytes) { return XXH3_64bits(bytes.data(), bytes.size()); }

}  // namespace descent::store
