"""ristretto255 and its scalars, from RFC 9496, in plain Python integers.

Slow and variable time: for checking test vectors, never for secrets.
"""

import hashlib

P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
SQRT_M1 = pow(2, (P - 1) // 4, P)


def negative(x):
    return x & 1


def absolute(x):
    return P - x if negative(x) else x


def sqrt_ratio(u, v):
    """RFC 9496 section 4.2: (was square, sqrt(u/v) or sqrt(i*u/v))."""
    r = u * pow(v, 3, P) * pow(u * pow(v, 7, P), (P - 5) // 8, P) % P
    check = v * r * r % P
    flipped = check == -u % P
    if flipped or check == -u * SQRT_M1 % P:
        r = r * SQRT_M1 % P
    return check == u % P or flipped, absolute(r)


INVSQRT_A_MINUS_D = sqrt_ratio(1, (-1 - D) % P)[1]
SQRT_AD_MINUS_ONE = P - sqrt_ratio((-D - 1) % P, 1)[1]  # RFC 9496 takes the odd root
ONE_MINUS_D_SQ = (1 - D * D) % P
D_MINUS_ONE_SQ = (D - 1) ** 2 % P


class Point:
    """Extended coordinates on the twisted Edwards curve; compares as ristretto."""

    __slots__ = ("x", "y", "z", "t")

    def __init__(self, x, y, z, t):
        self.x, self.y, self.z, self.t = x % P, y % P, z % P, t % P

    def __add__(self, other):
        a = (self.y - self.x) * (other.y - other.x)
        b = (self.y + self.x) * (other.y + other.x)
        c = 2 * D * self.t * other.t
        d = 2 * self.z * other.z
        e, f, g, h = b - a, d - c, d + c, b + a
        return Point(e * f, g * h, f * g, e * h)

    def __neg__(self):
        return Point(-self.x, self.y, self.z, -self.t)

    def __sub__(self, other):
        return self + -other

    def __rmul__(self, scalar):
        total, power = IDENTITY, self
        scalar %= ORDER
        while scalar:
            if scalar & 1:
                total = total + power
            power = power + power
            scalar >>= 1
        return total

    def __eq__(self, other):
        return (
            (self.x * other.y - self.y * other.x) % P == 0
            or (self.y * other.y - self.x * other.x) % P == 0
        )

    def encode(self):
        """RFC 9496 section 4.3.2."""
        u1 = (self.z + self.y) * (self.z - self.y) % P
        u2 = self.x * self.y % P
        invsqrt = sqrt_ratio(1, u1 * u2 * u2 % P)[1]
        den1, den2 = invsqrt * u1 % P, invsqrt * u2 % P
        z_inv = den1 * den2 * self.t % P
        x, y, den_inv = self.x, self.y, den2
        if negative(self.t * z_inv % P):
            x, y = self.y * SQRT_M1 % P, self.x * SQRT_M1 % P
            den_inv = den1 * INVSQRT_A_MINUS_D % P
        if negative(x * z_inv % P):
            y = -y % P
        return absolute(den_inv * (self.z - y) % P).to_bytes(32, "little")


IDENTITY = Point(0, 1, 1, 0)


def decode(data):
    """RFC 9496 section 4.3.1; None for what is not a canonical encoding."""
    s = int.from_bytes(data, "little")
    if len(data) != 32 or s >= P or negative(s):
        return None
    ss = s * s % P
    u1, u2 = (1 - ss) % P, (1 + ss) % P
    u2_sqr = u2 * u2 % P
    v = (-(D * u1 * u1) - u2_sqr) % P
    square, invsqrt = sqrt_ratio(1, v * u2_sqr % P)
    den_x = invsqrt * u2 % P
    den_y = invsqrt * den_x * v % P
    x = absolute(2 * s * den_x % P)
    y = u1 * den_y % P
    t = x * y % P
    if not square or negative(t) or y == 0:
        return None
    return Point(x, y, 1, t)


def _elligator(r0):
    """MAP of RFC 9496 section 4.3.4."""
    r = SQRT_M1 * r0 * r0 % P
    u = (r + 1) * ONE_MINUS_D_SQ % P
    v = (-1 - r * D) * (r + D) % P
    square, s = sqrt_ratio(u, v)
    c = -1
    if not square:
        s = -absolute(s * r0 % P) % P
        c = r
    n = (c * (r - 1) * D_MINUS_ONE_SQ - v) % P
    w0, w1 = 2 * s * v, n * SQRT_AD_MINUS_ONE
    w2, w3 = 1 - s * s, 1 + s * s
    return Point(w0 * w3, w2 * w1, w1 * w3, w0 * w2)


def from_uniform(data):
    halves = (data[:32], data[32:])
    a, b = (int.from_bytes(h, "little") % 2**255 for h in halves)
    return _elligator(a % P) + _elligator(b % P)


def hash_to_group(data):
    return from_uniform(hashlib.sha512(data).digest())


def scalar(data):
    """A canonical scalar, or None."""
    s = int.from_bytes(data, "little")
    return s if len(data) == 32 and s < ORDER else None


def wide_scalar(data):
    return int.from_bytes(data, "little") % ORDER


def encode_scalar(s):
    return (s % ORDER).to_bytes(32, "little")


BASE = decode(bytes.fromhex("e2f2ae0a6abc4e71a884a961c500515f58e30b6aa582dd8db6a65945e08d2d76"))


def multi_scalar(scalars, points):
    """Sum of scalar times point, by buckets of eight bits."""
    total = IDENTITY
    for shift in range(248, -1, -8):
        for _ in range(8):
            total = total + total
        buckets = [None] * 256
        for s, point in zip(scalars, points):
            digit = (s % ORDER) >> shift & 255
            if digit:
                buckets[digit] = point if buckets[digit] is None else buckets[digit] + point
        running, window = IDENTITY, IDENTITY
        for bucket in reversed(buckets[1:]):
            if bucket is not None:
                running = running + bucket
            window = window + running
        total = total + window
    return total
