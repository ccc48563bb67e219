// Elementary functions of single numbers, with the same bits on every processor and every C
// library, whose own choose variants by processor. Not for hot loops.

#ifndef CORE_KERNELS_PORTABLE_MATH_H_
#define CORE_KERNELS_PORTABLE_MATH_H_

#include <cstdint>

namespace descent::portable {

// base^exponent for base > 0 and exponent >= 0, within 1 ulp where the result is normal.
double Power(double base, std::int64_t exponent);

// cos(x) for 0 <= x <= pi, within 1 ulp of 1.
double Cos(double x);

// As those of core/kernels/vector_math.h.
double Exp(double x);
double Expm1(double x);
double Log(double x);
double Log1p(double x);  // requires 0 <= x <= 1

}  // namespace descent::portable

#endif  // CORE_KERNELS_PORTABLE_MATH_H_
