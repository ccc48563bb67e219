// Whether a target of numbers is a quantity or the numbers of classes.

#ifndef CLIENT_CLI_TRAINING_TARGET_CHOICE_H_
#define CLIENT_CLI_TRAINING_TARGET_CHOICE_H_

#include <cstdint>
#include <string>

#include "absl/types/span.h"
#include "client/cli/tables/table.h"
#include "descent/v1/network.pb.h"

namespace descent::cli {

enum class TargetLook {
  kNumber,      // many values, or some that are not whole
  kFewNumbers,  // few whole values, such as counts: a number, but it might be meant otherwise
  kClasses,     // few whole values, numbered and spread as classes are
};

// Few are at most 20. Two whole values are classes, if they are 0 and 1, 1 and 2, or -1 and 1, or
// of at least 20 rows. More are if they are numbered without a gap from 0 or 1 (or are -1, 0, 1),
// if there are 10 rows of them on average, and if the largest isn't the thin end of a distribution,
// as with counts of rooms or children: it has at least a fifth of an even share of the rows.
TargetLook LookOf(absl::Span<const double> values);

// Makes a column of numbers one of categories, a whole number's text being its digits.
void NumbersToCategories(Column* column);

// The loss that a column of this kind is learnt with: the mean squared error for a number, the
// binary cross-entropy for two classes, the softmax cross-entropy for more.
v1::LossKind DefaultLoss(const Column& target);

// What is to be said of a choice made for the user, and how to have it otherwise; empty if nothing.
std::string NoteOf(TargetLook look, const std::string& target, int64_t distinct);

// How many different values there are, counted up to 21.
int64_t FewDistinct(absl::Span<const double> values);

}  // namespace descent::cli

#endif  // CLIENT_CLI_TRAINING_TARGET_CHOICE_H_
