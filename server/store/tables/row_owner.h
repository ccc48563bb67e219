// Whose row it is, when its checksum does not match.

#ifndef SERVER_STORE_TABLES_ROW_OWNER_H_
#define SERVER_STORE_TABLES_ROW_OWNER_H_

#include <algorithm>
#include <cstdint>
#include <vector>

namespace descent::store {

// If the damage is in the column that names the model, believing it would report one model damaged
// and let another go on without what the row held. So each model there is gets tried: the one that
// makes the row `matches()` is the owner. Otherwise the damage is elsewhere in the row, and the
// column is right if it names a model. 0 if it names none: then it is not known.
//
// `column`: in the row that `matches` looks at.
template <typename Matches>
std::int64_t OwnerOf(const std::vector<std::int64_t>& models, std::int64_t* column,
                     const Matches& matches) {
  const std::int64_t named = *column;
  for (const std::int64_t model : models) {
    *column = model;
    if (matches()) return model;
  }
  return std::find(models.begin(), models.end(), named) != models.end() ? named : 0;
}

}  // namespace descent::store

#endif  // SERVER_STORE_TABLES_ROW_OWNER_H_
