"""Irreducible polynomials over GF(2), of which every restic repository names one.

Our chunker has no use for it; restic checks it when it opens the repository and chunks by it.
"""

import secrets

DEGREE = 53


def remainder(value: int, modulus: int) -> int:
    """value mod modulus, both polynomials whose coefficients are bits."""
    degree = modulus.bit_length()
    while (excess := value.bit_length() - degree) >= 0:
        value ^= modulus << excess
    return value


def square(value: int, modulus: int) -> int:
    """value² mod modulus: over GF(2) each bit moves to twice its place."""
    return remainder(int(f"{value:b}", 4) if value else 0, modulus)


def common_divisor(one: int, other: int) -> int:
    """The greatest common divisor."""
    while other:
        one, other = other, remainder(one, other)
    return one


def is_irreducible(polynomial: int) -> bool:
    """Rabin's test. The degree, 53, is prime, so x^(2^53) = x and gcd(x² - x, p) = 1 suffice."""
    x = power = 0b10
    if common_divisor(polynomial, square(x, polynomial) ^ x) != 1:
        return False
    for _ in range(DEGREE):
        power = square(power, polynomial)
    return power == x


def random_polynomial() -> int:
    """An irreducible polynomial of degree 53, by chance."""
    while True:
        # A constant term, or x would divide it.
        candidate = 1 << DEGREE | secrets.randbits(DEGREE) | 1
        if is_irreducible(candidate):
            return candidate
