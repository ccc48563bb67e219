// Columns that are embedded: what their categorical inputs are called, how large their tables are,
// and what the contract's messages say of them.

#ifndef CLIENT_CLI_ENCODING_EMBEDDING_H_
#define CLIENT_CLI_ENCODING_EMBEDDING_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "client/cli/encoding/encoding.h"
#include "descent/v1/network.pb.h"

namespace descent::cli {

// Whether a categorical input may be called so: [a-z]([a-z0-9_]{0,62}), and not as the numeric
// inputs or the outputs are.
bool IsCategoricalInputName(absl::string_view name);

// What a column's categorical input is called, by the column's name alone and those that are taken:
// in lower case, each other character than a-z and 0-9 an underscore, `column_` before what does
// not begin with a letter or is "inputs" or "outputs", the first 63 of it; of several that are
// equal the second has `_2` behind it, and so on. It is added to *taken.
std::string CategoricalInputName(absl::string_view column, absl::flat_hash_set<std::string>* taken);

// Of a table for so many categories. The dimension is fastai's rule of thumb, 1.6 n^0.56
// (fastai.tabular.model.emb_sz_rule), from 2 to 64. The buckets are the power of two from 16 times
// the categories on, so that one in 16 at most shares a row with another; beyond 65,536, where a
// table is large, from four times the categories on. At least 1024: room for categories to come.
int64_t DefaultDimension(int64_t categories);
int64_t DefaultBuckets(int64_t categories);

// The categorical inputs of a new network for this encoding. Tables begin with `initializer`.
std::vector<v1::CategoricalInput> CategoricalInputsOf(const Encoding& encoding,
                                                      const v1::Initializer& initializer);

// FailedPrecondition if the model's categorical inputs are not those that the encoding embeds
// columns as, by name, with those sizes, and hashing texts.
absl::Status CheckEmbedded(const Encoding& encoding, const v1::NetworkSpec& network);

// "shop 8,192 x 64, article 1,024 x 12": categorical inputs with their tables; of more than
// five, how many.
std::string TablesText(const v1::NetworkSpec& network);

}  // namespace descent::cli

#endif  // CLIENT_CLI_ENCODING_EMBEDDING_H_
