/* What is left in memory when a function that handles secrets has returned, and its caller has
 * wiped what is the caller's. All memory of the process is searched, whatever it was: the stack
 * on which the function ran, what was freed, what is kept. The test itself knows the secrets
 * only under a mask, so that it does not find its own. */
#define _GNU_SOURCE
#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>
#include <valgrind/valgrind.h>

#include "live.h"

#define MASK 0xA5
#define WINDOW 8 /* bytes in a row that are no accident */
#define SECRETS 12
#define SECRET_MAX 64
#define STACK ((size_t)4 << 20)

static struct {
    char name[32];
    uint8_t masked[SECRET_MAX];
    size_t len;
} secrets[SECRETS];
static size_t secrets_len;

static void mask(uint8_t *out, const uint8_t *p, size_t len)
{
    for (size_t i = 0; i < len; i++)
        out[i] = p[i] ^ MASK;
}

/* From here on nobody but who is asked for it may have it. */
static void remember(const char *name, const void *p, size_t len)
{
    len = len < SECRET_MAX ? len : SECRET_MAX;
    if (secrets_len == SECRETS)
        return;
    snprintf(secrets[secrets_len].name, sizeof secrets[0].name, "%s", name);
    mask(secrets[secrets_len].masked, p, len);
    secrets[secrets_len++].len = len;
}

/* A fresh secret into `out`, of letters so that it may be a text as well. */
static void invent(const char *name, void *out, size_t len)
{
    uint8_t *p = out;
    randombytes_buf(p, len);
    for (size_t i = 0; i < len; i++)
        p[i] = (uint8_t)('a' + p[i] % 26);
    remember(name, out, len);
}

/* ---- the search ---------------------------------------------------------------------- */

static bool unmasked_at(const uint8_t *p, const uint8_t *masked)
{
    for (size_t i = 0; i < WINDOW; i++)
        if ((p[i] ^ MASK) != masked[i])
            return false;
    return true;
}

static size_t search(const uint8_t *p, const uint8_t *end, char *where, size_t cap)
{
    static uint8_t first[256]; /* is there a window that begins so, under the mask? */
    size_t n = 0;
    memset(first, 0, sizeof first);
    for (size_t s = 0; s < secrets_len; s++)
        for (size_t i = 0; i + WINDOW <= secrets[s].len; i++)
            first[secrets[s].masked[i]] = 1;
    for (; p + WINDOW <= end; p++) {
        if (!first[*p ^ MASK])
            continue;
        for (size_t s = 0; s < secrets_len; s++)
            for (size_t i = 0; i + WINDOW <= secrets[s].len; i++)
                if (unmasked_at(p, secrets[s].masked + i)) {
                    if (!n++)
                        snprintf(where, cap, "%s", secrets[s].name);
                    p += WINDOW - 1;
                    s = secrets_len;
                    break;
                }
    }
    return n;
}

struct found {
    size_t n;
    char text[300];
};

/* All that the process can write to. */
static struct found search_all(void)
{
    struct found f = {0};
    FILE *maps = fopen("/proc/self/maps", "r");
    char line[512], mode[8], name[300], what[64];
    unsigned long from, to;
    while (maps && fgets(line, sizeof line, maps)) {
        name[0] = 0;
        if (sscanf(line, "%lx-%lx %7s %*s %*s %*s %299s", &from, &to, mode, name) < 3 ||
            strncmp(mode, "rw", 2) != 0)
            continue;
        size_t n = search((const uint8_t *)from, (const uint8_t *)to, what, sizeof what);
        if (n && f.n < 4)
            snprintf(f.text + strlen(f.text), sizeof f.text - strlen(f.text), "%.40s in %.60s; ",
                     what, name[0] ? name : "memory");
        f.n += n;
    }
    if (maps)
        fclose(maps);
    return f;
}

/* ---- running --------------------------------------------------------------------------- */

typedef void deed(void);
/* Deep enough that a thread's end does not write over what is left. */
static void *do_it(void *arg)
{
    volatile uint8_t depth[65536];
    depth[0] = depth[sizeof depth - 1] = 0;
    ((deed *)arg)();
    depth[1] = depth[0];
    return NULL;
}

/* Do it on a stack of its own, which stays as it was left; false when nothing can be told
 * of that. It is done all the same: the next deed may rest on it. */
static bool run(deed *d)
{
    static uint8_t *stack;
    pthread_attr_t attr;
    pthread_t thread;
    secrets_len = 0;
    if (RUNNING_ON_VALGRIND) {
        test_skip("under valgrind memory is not the program's own");
        d();
        return false;
    }
#ifdef __SANITIZE_ADDRESS__
    test_skip("the address sanitizer keeps what was freed, and moves what is on the stack");
    d();
    return false;
#endif
    if (!stack)
        stack = mmap(NULL, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (stack == MAP_FAILED)
        return false;
    memset(stack, 0, STACK);
    pthread_attr_init(&attr);
    pthread_attr_setstack(&attr, stack, STACK);
    bool ran =
        !pthread_create(&thread, &attr, do_it, (void *)(uintptr_t)d) && !pthread_join(thread, NULL);
    pthread_attr_destroy(&attr);
    CHECK(ran && secrets_len > 0);
    return ran;
}

static void leaves_nothing(const char *file, int line, deed *d)
{
    if (!run(d))
        return;
    struct found f = search_all();
    if (f.n)
        test_failed(file, line, "%zu places: %s", f.n, f.text);
}
#define LEAVES_NOTHING(d) leaves_nothing(__FILE__, __LINE__, (d))

/* ---- controls: what would be found ------------------------------------------------------- */

static void leaves_it_on_the_stack(void)
{
    volatile uint8_t secret[32];
    invent("secret", (void *)(uintptr_t)secret, sizeof secret);
}

static void leaves_it_freed(void)
{
    uint8_t secret[32];
    uint8_t *p = malloc(1000);
    invent("secret", secret, sizeof secret);
    if (p)
        memcpy(p + 500, secret + 3, 9);
    __asm__ volatile("" : : "r"(p) : "memory");
    free(p);
    sodium_memzero(secret, sizeof secret);
}

static void wipes_it(void)
{
    uint8_t secret[32];
    invent("secret", secret, sizeof secret);
    sodium_memzero(secret, sizeof secret);
}

TEST(wipe_the_search_finds_what_was_left)
{
    if (!run(leaves_it_on_the_stack))
        return;
    CHECK(search_all().n > 0);
    CHECK(run(leaves_it_freed) && search_all().n > 0);
    LEAVES_NOTHING(wipes_it);
}

/* ---- keys ----------------------------------------------------------------------------------- */

/* What is the caller's stands here, and is wiped by it. */
static struct {
    uint8_t seed[32], release[32], ring[32], public_key[32], next[32];
    struct demur_keys keys;
    struct demur_identity identity;
    struct demur_actor actor;
    char text[DEMUR_IDENTITY_TEXT_MAX], passphrase[40];
} own;

static void keys_of_a_member(void)
{
    invent("seed", own.seed, sizeof own.seed);
    demur_keys_from_seed(&own.keys, own.seed);
    remember("signing seed", own.keys.secret_key, 32);
    remember("age secret", own.keys.age.secret, 32);
    demur_keys_wipe(&own.keys);
    sodium_memzero(&own, sizeof own);
}

/* One function a deed: the next would write over what the last one left. */
static void phrase_written(void)
{
    struct buf text = buf_over(own.text, DEMUR_PHRASE_LEN);
    invent("phrase's bits", own.seed, DEMUR_PHRASE_SECRET_LEN);
    demur_phrase_encode(&text, own.seed);
    remember("phrase", own.text, DEMUR_PHRASE_LEN);
    sodium_memzero(&own, sizeof own);
}

static const uint8_t channel[32] = {1};

static void case_made(void)
{
    invent("phrase's bits", own.seed, DEMUR_PHRASE_SECRET_LEN);
    demur_keys_from_phrase(&own.keys, own.seed, channel);
    remember("case's signing seed", own.keys.secret_key, 32);
    remember("case's age secret", own.keys.age.secret, 32);
    demur_keys_wipe(&own.keys);
    sodium_memzero(&own, sizeof own);
}

static void phrase_read(void)
{
    struct buf text = buf_over(own.text, DEMUR_PHRASE_LEN);
    invent("phrase's bits", own.seed, DEMUR_PHRASE_SECRET_LEN);
    demur_phrase_encode(&text, own.seed);
    remember("phrase", own.text, DEMUR_PHRASE_LEN);
    CHECK_ERR(demur_actor_from_phrase(&own.actor, buf_span(&text), channel, NULL), DEMUR_OK);
    remember("case's signing seed", own.actor.keys.secret_key, 32);
    remember("case's age secret", own.actor.keys.age.secret, 32);
    demur_actor_wipe(&own.actor);
    sodium_memzero(&own, sizeof own);
}

static void release_key_made(void)
{
    invent("phrase's bits", own.seed, DEMUR_PHRASE_SECRET_LEN);
    demur_release_key(own.release, own.seed, channel, 1);
    remember("release key", own.release, 32);
    sodium_memzero(&own, sizeof own);
}

static void link_made(void)
{
    invent("chain", own.seed, sizeof own.seed);
    demur_chain_next(own.next, own.seed);
    remember("next link", own.next, sizeof own.next);
    sodium_memzero(&own, sizeof own);
}

static void keys_of_the_months(void)
{
    own.identity = (struct demur_identity){.has_chain = true, .epoch = 24300};
    invent("chain", own.identity.chain, sizeof own.identity.chain);
    for (uint32_t month = 24300; month < 24304; month++) {
        CHECK_ERR(demur_identity_ring_key(&own.identity, month, own.ring, own.public_key, NULL),
                  DEMUR_OK);
        remember("ring key", own.ring, sizeof own.ring);
    }
    demur_chain_next(own.next, own.identity.chain);
    remember("next link", own.next, sizeof own.next);
    CHECK(demur_identity_erase_before(&own.identity, 24303));
    remember("link that is left", own.identity.chain, sizeof own.identity.chain);
    demur_identity_wipe(&own.identity);
    sodium_memzero(&own, sizeof own);
}

TEST(wipe_keys)
{
    LEAVES_NOTHING(keys_of_a_member);
    LEAVES_NOTHING(phrase_written);
    LEAVES_NOTHING(phrase_read);
    LEAVES_NOTHING(case_made);
    LEAVES_NOTHING(release_key_made);
    LEAVES_NOTHING(link_made);
    LEAVES_NOTHING(keys_of_the_months);
}

/* ---- identity files -----------------------------------------------------------------------------
 */

static char path[64];

static uint8_t masked_passphrase[sizeof own.passphrase];

static void saved(void)
{
    struct demur_diag diag = {0};
    CHECK_ERR(demur_identity_new(&own.identity, channel, "https://dissent.example", NULL, &diag),
              DEMUR_OK);
    remember("seed", own.identity.seed, 32);
    own.identity.has_chain = true;
    own.identity.epoch = 24300;
    invent("chain", own.identity.chain, 32);
    invent("passphrase", own.passphrase, sizeof own.passphrase);
    mask(masked_passphrase, (uint8_t *)own.passphrase, sizeof own.passphrase);
    CHECK_ERR(demur_identity_save(&own.identity, path,
                                  span_of(own.passphrase, sizeof own.passphrase), 4, &diag),
              DEMUR_OK);
    demur_identity_wipe(&own.identity);
    sodium_memzero(&own, sizeof own);
}

static void loaded(void)
{
    struct demur_diag diag = {0};
    mask((uint8_t *)own.passphrase, masked_passphrase, sizeof own.passphrase);
    remember("passphrase", own.passphrase, sizeof own.passphrase);
    CHECK_ERR(demur_identity_load(&own.identity, path,
                                  span_of(own.passphrase, sizeof own.passphrase), NULL, &diag),
              DEMUR_OK);
    remember("seed", own.identity.seed, 32);
    remember("chain", own.identity.chain, 32);
    demur_identity_wipe(&own.identity);
    sodium_memzero(&own, sizeof own);
}

/* Months that are over are erased: from the file too, which is written anew. */
static void erased(void)
{
    struct demur_diag diag = {0};
    const struct span passphrase = span_lit("a passphrase for tests");
    CHECK_ERR(demur_identity_new(&own.identity, channel, "https://dissent.example", NULL, &diag),
              DEMUR_OK);
    own.identity.has_chain = true;
    own.identity.epoch = 24300;
    invent("chain", own.identity.chain, 32);
    CHECK_ERR(demur_identity_ring_key(&own.identity, 24302, own.ring, own.public_key, NULL),
              DEMUR_OK);
    remember("ring key", own.ring, sizeof own.ring);
    CHECK_ERR(demur_identity_save(&own.identity, path, passphrase, 4, &diag), DEMUR_OK);
    CHECK(demur_identity_erase_before(&own.identity, 24303));
    CHECK_ERR(demur_identity_save(&own.identity, path, passphrase, 4, &diag), DEMUR_OK);
    demur_identity_wipe(&own.identity);
    CHECK_ERR(demur_identity_load(&own.identity, path, passphrase, NULL, &diag), DEMUR_OK);
    CHECK(own.identity.epoch == 24303);
    CHECK(demur_identity_ring_key(&own.identity, 24302, own.ring, own.public_key, NULL) !=
          DEMUR_OK);
    CHECK_ERR(demur_identity_ring_key(&own.identity, 24303, own.ring, own.public_key, NULL),
              DEMUR_OK);
    remember("ring key that is left", own.ring, sizeof own.ring);
    remember("chain that is left", own.identity.chain, 32);
    demur_identity_wipe(&own.identity);
    sodium_memzero(&own, sizeof own);
}

static void refused(void)
{
    struct demur_diag diag = {0};
    invent("wrong passphrase", own.passphrase, sizeof own.passphrase);
    CHECK_ERR(demur_identity_load(&own.identity, path,
                                  span_of(own.passphrase, sizeof own.passphrase), NULL, &diag),
              DEMUR_ERR_KEY);
    sodium_memzero(&own, sizeof own);
}

static void kit_and_back(void)
{
    struct buf text = buf_over(own.text, sizeof own.text);
    CHECK_ERR(demur_identity_new(&own.identity, channel, "https://dissent.example", NULL, NULL),
              DEMUR_OK);
    remember("seed", own.identity.seed, 32);
    demur_recovery_put(&text, &own.identity);
    demur_identity_wipe(&own.identity);
    CHECK_ERR(demur_recovery_parse(&own.identity, buf_span(&text), NULL), DEMUR_OK);
    sodium_memzero(&own, sizeof own);
}

TEST(wipe_identity_files)
{
    snprintf(path, sizeof path, "/tmp/demur-wipe-%d", (int)getpid());
    LEAVES_NOTHING(saved);
    LEAVES_NOTHING(loaded);
    LEAVES_NOTHING(refused);
    LEAVES_NOTHING(erased);
    LEAVES_NOTHING(kit_and_back);
    unlink(path);
}

/* ---- a filing --------------------------------------------------------------- */

static struct live *town;
static char memo[64];

static void filed(void)
{
    struct demur_draft *draft = NULL;
    struct demur_diag diag = {0};
    struct demur_filing filing = live_filing(false);
    invent("memo", memo, sizeof memo);
    filing.body = span_of(memo, sizeof memo);
    CHECK_ERR(demur_draft_make(&draft, town->c, &town->member[0], &filing, &diag), DEMUR_OK);
    if (!draft)
        return;
    remember("phrase", demur_draft_phrase(draft), DEMUR_PHRASE_LEN);
    CHECK_ERR(demur_actor_from_phrase(&own.actor, span_str(demur_draft_phrase(draft)),
                                      town->f->w->fingerprint, &diag),
              DEMUR_OK);
    remember("phrase's bits", own.actor.phrase, sizeof own.actor.phrase);
    remember("case's signing seed", own.actor.keys.secret_key, 32);
    remember("case's age secret", own.actor.keys.age.secret, 32);
    demur_release_key(own.release, own.actor.phrase, town->f->w->fingerprint, 1);
    remember("release key", own.release, 32);
    CHECK_ERR(demur_draft_send(draft, NULL, &diag), DEMUR_OK);
    demur_draft_free(draft);
    demur_actor_wipe(&own.actor);
    sodium_memzero(&own, sizeof own);
    sodium_memzero(memo, sizeof memo);
}

/* What an officer reads, and what an author writes, is text that nobody else may find. */
static struct demur_actor author;

static void read_by_the_office(void)
{
    struct demur_reading reading = {0};
    struct demur_diag diag = {0};
    CHECK_ERR(
        demur_read_memo(town->c, &town->office, author.dissent, "people-office", &reading, &diag),
        DEMUR_OK);
    remember("memo", reading.letter.body.p, reading.letter.body.len);
    CHECK(secrets[0].len == sizeof memo);
    demur_reading_free(&reading);
}

static void written_by_the_author(void)
{
    struct demur_diag diag = {0};
    struct demur_writing message = {0};
    invent("message", memo, sizeof memo);
    message.body = span_of(memo, sizeof memo);
    CHECK_ERR(demur_act_say(town->c, &author, NULL, NULL, &message, NULL, &diag), DEMUR_OK);
    sodium_memzero(memo, sizeof memo);
}

static char round_id[33];

static void circulate_in(struct live *l)
{
    struct demur_draft *draft = NULL;
    struct demur_filing filing = live_filing(false);
    filing.until = demur_client_now(l->c) + 7 * 86400u;
    filing.audience = DEMUR_AUDIENCE_MEMBERS;
    CHECK_SAYS(demur_draft_make(&draft, l->c, &l->member[3], &filing, &l->diag), DEMUR_OK, "");
    REQUIRE(draft != NULL);
    memcpy(round_id, demur_draft_dissent(draft), sizeof round_id);
    CHECK_SAYS(demur_draft_send(draft, NULL, &l->diag), DEMUR_OK, "");
    demur_draft_free(draft);
}

static void use_ring_key(const struct demur_identity *id)
{
    CHECK_ERR(demur_identity_ring_key(id, id->epoch, own.ring, own.public_key, NULL), DEMUR_OK);
    remember("ring key", own.ring, sizeof own.ring);
    sodium_memzero(&own, sizeof own);
}

/* What is made is sent by another deed, which would write over what this one left. */
static struct demur_draft *drafted;

static void drafted_only(void)
{
    struct demur_diag diag = {0};
    struct demur_filing filing = live_filing(false);
    use_ring_key(&town->member_id[0]);
    CHECK_ERR(demur_draft_make(&drafted, town->c, &town->member[0], &filing, &diag), DEMUR_OK);
}

static void signed_by_name(void)
{
    struct demur_diag diag = {0};
    struct demur_signature_made made;
    const struct demur_signing g = {.dissent = round_id, .named = true};
    use_ring_key(&town->member_id[2]);
    CHECK_ERR(demur_signature_make(town->c, &town->member[2], &g, &made, &diag), DEMUR_OK);
}

static void taken_back(void)
{
    struct demur_diag diag = {0};
    use_ring_key(&town->member_id[2]);
    CHECK_ERR(demur_act_unsign(town->c, &town->member[2], round_id, NULL, &diag), DEMUR_OK);
}

static void file_in(struct live *l)
{
    struct demur_draft *draft = NULL;
    struct demur_filing filing = live_filing(false);
    town = l;
    LEAVES_NOTHING(filed);
    circulate_in(l);
    LEAVES_NOTHING(drafted_only);
    demur_draft_free(drafted);
    LEAVES_NOTHING(signed_by_name);
    CHECK_SAYS(demur_signature_send(l->c, round_id, NULL, &l->diag), DEMUR_OK, "");
    LEAVES_NOTHING(taken_back);
    invent("memo", memo, sizeof memo);
    filing.body = span_of(memo, sizeof memo);
    CHECK_SAYS(demur_draft_make(&draft, l->c, &l->member[1], &filing, &l->diag), DEMUR_OK, "");
    REQUIRE(draft != NULL);
    CHECK_SAYS(demur_actor_from_phrase(&author, span_str(demur_draft_phrase(draft)),
                                       l->f->w->fingerprint, &l->diag),
               DEMUR_OK, "");
    CHECK_SAYS(demur_draft_send(draft, NULL, &l->diag), DEMUR_OK, "");
    demur_draft_free(draft);
    sodium_memzero(memo, sizeof memo);
    LEAVES_NOTHING(read_by_the_office);
    LEAVES_NOTHING(written_by_the_author);
    demur_actor_wipe(&author);
}

TEST(wipe_a_filing_and_a_signature) { live_run(file_in); }
