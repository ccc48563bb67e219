#!/usr/bin/python3
"""Coefficients of NormalCdf in core/kernels/vector_math.h.

For z >= 0 the scaled tail M(z) = e^(z^2 / 2) * Phi(-z) is smooth and falls like 1 / z, so
(z + 4) M(z) is nearly constant and, as a function of q = (z - 4) / (z + 4), well approximated by a
polynomial (the transformation of Shepherd and Laframboise 1981, Math. Comp. 36, 249-253).
This interpolates it at the Chebyshev nodes of the range that matters and prints the coefficients,
highest power first, and the largest relative error.
"""

from mpmath import chop, cos, erfc, exp, lu_solve, matrix, mp, mpf, pi, polyval, sqrt

mp.dps = 60
CENTRE = mpf(4)


def scaled_tail(z):
    return exp(z * z / 2) * erfc(z / sqrt(2)) / 2


def target(q):
    z = CENTRE * (1 + q) / (1 - q)
    return (z + CENTRE) * scaled_tail(z)


def fit(degree, largest):
    low, high = mpf(-1), (largest - CENTRE) / (largest + CENTRE)
    n = degree + 1
    nodes = [(low + high) / 2 + (high - low) / 2 * cos(pi * (2 * j + 1) / (2 * n)) for j in range(n)]
    powers = matrix(n, n)
    values = matrix(n, 1)
    for i, q in enumerate(nodes):
        for j in range(n):
            powers[i, j] = q ** (degree - j)
        values[i] = target(q)
    coefficients = list(lu_solve(powers, values))
    grid = [low + (high - low) * mpf(i) / 2000 for i in range(2001)]
    error = max(abs(polyval(coefficients, q) / target(q) - 1) for q in grid)
    return coefficients, error


def main():
    for name, degree, largest, digits in (("float", 10, mpf("14.5"), 10), ("double", 22, 39, 18)):
        coefficients, error = fit(degree, largest)
        print(f"{name}: degree {degree} for 0 <= z <= {largest}, relative error {mp.nstr(error, 2)}")
        for coefficient in coefficients:
            print(f"    {mp.nstr(chop(coefficient), digits, min_fixed=0, max_fixed=0)},")


if __name__ == "__main__":
    main()
