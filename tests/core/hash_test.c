/* SHA-2, HMAC and HKDF against the RFCs' vectors. */
#include "../../core/hash.h"
#include "../test.h"

static void check_hex(const uint8_t *got, const char *hex, int line)
{
    uint8_t want[128];
    size_t len = strlen(hex) / 2;
    test_unhex(hex, want, len);
    if (memcmp(got, want, len) != 0)
        test_failed(__FILE__, line, "not %s", hex);
}

TEST(hash_sha256_in_one_and_in_parts)
{
    /* FIPS 180-4's examples, as NIST publishes them */
    static const char abc[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    uint8_t out[DEMUR_HASH_LEN];
    demur_hash(out, span_lit("abc"));
    check_hex(out, abc, __LINE__);
    demur_hash(out, span_of(NULL, 0));
    check_hex(out, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", __LINE__);
    struct span parts[] = {span_lit("b"), span_of(NULL, 0), span_lit("c")};
    demur_hash_spans(out, "a", parts, DEMUR_COUNT(parts));
    check_hex(out, abc, __LINE__);
    demur_hash_spans(out, "abc", NULL, 0);
    check_hex(out, abc, __LINE__);
    struct demur_hasher h;
    demur_hasher_init(&h);
    demur_hasher_add(&h, span_lit("ab"));
    demur_hasher_add(&h, span_of(NULL, 0));
    demur_hasher_add(&h, span_lit("c"));
    demur_hasher_final(&h, out);
    check_hex(out, abc, __LINE__);
}

TEST(hash_may_overwrite_its_input)
{
    uint8_t a[DEMUR_HASH_LEN] = "the bytes that are hashed in it", b[DEMUR_HASH_LEN];
    demur_hash(b, span_of(a, sizeof a));
    demur_hash(a, span_of(a, sizeof a));
    CHECK(memcmp(a, b, sizeof a) == 0);
}

TEST(hash_wide_is_sha512)
{
    uint8_t out[DEMUR_HASH_WIDE_LEN];
    struct span parts[] = {span_lit("b"), span_of(NULL, 0), span_lit("c")};
    demur_hash_wide(out, "a", parts, DEMUR_COUNT(parts));
    check_hex(out,
              "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
              "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
              __LINE__);
}

TEST(hmac_rfc4231)
{
    uint8_t key[131], data[50], out[DEMUR_HASH_LEN];
    memset(key, 0xaa, sizeof key);
    memset(data, 0xdd, sizeof data);
    demur_hmac(out, span_lit("Jefe"), span_lit("what do ya want for nothing?"));
    check_hex(out, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843", __LINE__);
    demur_hmac(out, span_of(key, 20), span_of(data, sizeof data));
    check_hex(out, "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe", __LINE__);
    struct span parts[] = {span_lit("Test Using Larger Than Block-Size Key"),
                           span_lit(" - Hash Key First")};
    demur_hmac_spans(out, span_of(key, sizeof key), parts, DEMUR_COUNT(parts));
    check_hex(out, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54", __LINE__);
}

TEST(hkdf_rfc5869)
{
    uint8_t ikm[80], salt[80], info[80], prk[DEMUR_HASH_LEN], okm[82];
    memset(ikm, 0x0b, 22);
    for (size_t i = 0; i < 13; i++)
        salt[i] = (uint8_t)i;
    for (size_t i = 0; i < 10; i++)
        info[i] = (uint8_t)(0xf0 + i);
    demur_hkdf_extract(prk, span_of(salt, 13), span_of(ikm, 22));
    check_hex(prk, "077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5", __LINE__);
    demur_hkdf_expand(okm, 42, prk, span_of(info, 10));
    check_hex(
        okm, "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865",
        __LINE__);
    for (size_t i = 0; i < 80; i++) {
        ikm[i] = (uint8_t)i;
        salt[i] = (uint8_t)(0x60 + i);
        info[i] = (uint8_t)(0xb0 + i);
    }
    demur_hkdf(okm, 82, span_of(salt, 80), span_of(ikm, 80), span_of(info, 80));
    check_hex(okm,
              "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb"
              "41c65e590e09da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87",
              __LINE__);
    memset(ikm, 0x0b, 22);
    demur_hkdf(okm, 42, span_of(NULL, 0), span_of(ikm, 22), span_of(NULL, 0));
    check_hex(
        okm, "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8",
        __LINE__);
}

TEST(hkdf_lengths_share_their_beginning)
{
    uint8_t longest[DEMUR_HKDF_MAX], out[DEMUR_HKDF_MAX];
    demur_hkdf(longest, sizeof longest, span_lit("s"), span_lit("k"), span_lit("i"));
    for (size_t n = 0; n <= 100; n++) {
        memset(out, 0xA5, sizeof out);
        demur_hkdf(out, n, span_lit("s"), span_lit("k"), span_lit("i"));
        CHECK(memcmp(out, longest, n) == 0 && out[n] == 0xA5);
    }
}
