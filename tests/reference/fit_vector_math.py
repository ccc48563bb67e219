#!/usr/bin/python3
"""Coefficients of core/kernels/vector_math.h, highest power first, and the largest relative errors.

Each polynomial interpolates its function at the Chebyshev nodes of its range, which comes within a
small factor of the best polynomial of that degree. What is left out in front of a polynomial, such as
1 + r of e^r, is what makes the rest small enough for its rounding not to matter.

The normal distribution's tail: for z >= 0, M(z) = e^(z^2 / 2) * Phi(-z) is smooth and falls like 1 / z,
so (z + 4) M(z) is nearly constant and, as a function of q = (z - 4) / (z + 4), well approximated by a
polynomial (the transformation of Shepherd and Laframboise 1981, Math. Comp. 36, 249-253).
"""

from mpmath import chop, cos, erfc, exp, log, lu_solve, matrix, mp, mpf, nstr, pi, polyval, sqrt, tanh

mp.dps = 60
CENTRE = mpf(4)
HALF_LN2 = log(2) / 2 * mpf("1.0001")  # a quotient of logarithms, rounded, is off by a little
TANH_SMALL = mpf("0.55")


def exp_rest(r):
    """(e^r - 1 - r) / r^2, by its series where that is the more exact."""
    if abs(r) < mpf("1e-6"):
        return mpf(1) / 2 + r / 6 + r * r / 24 + r**3 / 120 + r**4 / 720 + r**5 / 5040
    return (exp(r) - 1 - r) / r**2


def tanh_rest(y):
    """(tanh x - x) / x^3 for y = x^2."""
    if y < mpf("1e-6"):
        return -mpf(1) / 3 + 2 * y / 15 - 17 * y * y / 315 + 62 * y**3 / 2835
    x = sqrt(y)
    return (tanh(x) / x - 1) / y


def scaled_tail(q):
    z = CENTRE * (1 + q) / (1 - q)
    return (z + CENTRE) * exp(z * z / 2) * erfc(z / sqrt(2)) / 2


def interpolate(function, degree, low, high):
    n = degree + 1
    nodes = [(low + high) / 2 + (high - low) / 2 * cos(pi * (2 * j + 1) / (2 * n)) for j in range(n)]
    powers = matrix(n, n)
    values = matrix(n, 1)
    for i, x in enumerate(nodes):
        for j in range(n):
            powers[i, j] = x ** (degree - j)
        values[i] = function(x)
    return list(lu_solve(powers, values))


def show(name, function, degree, low, high, whole, digits):
    """whole(x, f) is what the approximation f of `function` at x is part of."""
    coefficients = interpolate(function, degree, low, high)
    grid = [low + (high - low) * (mpf(i) + mpf("0.3")) / 2000 for i in range(2000)]
    error = max(
        abs(whole(x, polyval(coefficients, x)) / whole(x, function(x)) - 1) for x in grid
    )
    print(f"{name}: degree {degree}, relative error {nstr(error, 2)}")
    for coefficient in coefficients:
        print(f"    {nstr(chop(coefficient), digits, min_fixed=0, max_fixed=0)},")


def main():
    for name, digits, exp_degree, tanh_degree, tail_degree, tail_end in (
        ("float", 10, 5, 4, 10, mpf("14.5")),
        ("double", 18, 10, 10, 22, mpf(39)),
    ):
        show(f"{name}, kExpRest", exp_rest, exp_degree, -HALF_LN2, HALF_LN2,
             lambda r, f: r + r * r * f, digits)
        show(f"{name}, kTanhRest", tanh_rest, tanh_degree, mpf(0), TANH_SMALL**2,
             lambda y, f: 1 + y * f, digits)
        show(f"{name}, kNormalTail", scaled_tail, tail_degree, mpf(-1),
             (tail_end - CENTRE) / (tail_end + CENTRE), lambda q, f: f, digits)


if __name__ == "__main__":
    main()
