#include "live.h"
#include "between.h"

#include <sodium.h>
#include <sys/stat.h>

static uint64_t live_now(void *ctx)
{
    struct live *l = ctx;
    return (uint64_t)((int64_t)__atomic_load_n(l->f->clock_s, __ATOMIC_SEQ_CST) + l->skew_s);
}

struct demur_client_options live_options(struct live *l, const char *name)
{
    static char folder[256];
    snprintf(folder, sizeof folder, "%s/%s", l->home, name);
    struct demur_client_options o = {
        .url = l->f->url, .token = FIXTURE_TOKEN, .data = folder, .now = live_now, .ctx = l};
    memcpy(o.channel, l->f->w->fingerprint, 32);
    return o;
}

struct demur_client *live_open(struct live *l, const char *name)
{
    struct demur_client *c = NULL;
    struct demur_client_options o = live_options(l, name);
    return demur_client_open(&c, &o, &l->diag) == DEMUR_OK ? c : NULL;
}

void live_wait(struct live *l, uint64_t seconds)
{
    __atomic_add_fetch(l->f->clock_s, seconds, __ATOMIC_SEQ_CST);
}

/* The town's root key as an actor of the client's. */
static void take_root(struct live *l)
{
    const struct town_key *root = &l->f->w->root;
    l->root_id.seq = root->seq;
    l->root = (struct demur_actor){.identity = &l->root_id};
    memcpy(l->root.keys.public_key, root->public_key, 32);
    memcpy(l->root.keys.secret_key, root->secret, 64);
}

enum demur_err live_officer(struct live *l, struct demur_identity *id, struct demur_actor *actor,
                            const char *role)
{
    enum demur_err err =
        demur_identity_new(id, l->f->w->fingerprint, l->f->url, FIXTURE_TOKEN, &l->diag);
    if (err)
        return err;
    demur_actor_from_identity(actor, id);
    struct demur_grant grant = {.role = role};
    char card[DEMUR_OFFICER_CARD_MAX];
    struct buf b = buf_over(card, sizeof card);
    demur_officer_put(&b, &actor->keys);
    err = demur_officer_parse(&grant.officer, buf_span(&b), &l->diag);
    return err ? err : demur_act_grant(l->c, &l->root, &grant, NULL, &l->diag);
}

enum demur_err live_join(struct live *l, struct demur_identity *id, const char *name)
{
    char line[DEMUR_INVITATION_MAX];
    struct buf b = buf_over(line, sizeof line);
    struct demur_invitation invitation;
    const struct span team = span_lit("team=blue");
    enum demur_err err = demur_invitation_new(l->c, NULL, &b, &l->diag);
    if (!err)
        err = demur_act_invite(l->c, &l->office, buf_span(&b), &team, 1, NULL, &l->diag);
    if (!err)
        err = demur_invitation_parse(&invitation, buf_span(&b), &l->diag);
    if (!err)
        err =
            demur_identity_from_invitation(id, &invitation, name, demur_client_now(l->c), &l->diag);
    if (!err)
        err = demur_act_join(l->c, id, &invitation, NULL, &l->diag);
    if (!err) /* once more: the first answer might have been lost */
        err = demur_act_join(l->c, id, &invitation, NULL, &l->diag);
    return err;
}

static enum demur_err member(struct live *l, size_t i)
{
    char name[32];
    snprintf(name, sizeof name, "Member %zu", i);
    enum demur_err err = live_join(l, &l->member_id[i], name);
    demur_actor_from_identity(&l->member[i], &l->member_id[i]);
    return err;
}

struct live *live_new(void)
{
    struct live *l = calloc(1, sizeof *l);
    if (!l || !(l->f = fixture_new())) {
        free(l);
        return NULL;
    }
    enum demur_err err = demur_http_init(&l->diag);
    snprintf(l->home, sizeof l->home, "%s/home", l->f->parent);
    mkdir(l->home, 0700);
    l->c = err ? NULL : live_open(l, "all");
    take_root(l);
    err = l->c ? live_officer(l, &l->office_id, &l->office, "people-office") : DEMUR_ERR_IO;
    if (!err)
        err = live_officer(l, &l->board_id, &l->board, "board");
    for (size_t i = 0; !err && i < LIVE_MEMBERS; i++)
        err = member(l, i);
    if (!err)
        return l;
    test_failed(__FILE__, __LINE__, "the channel does not begin: %s", l->diag.text);
    live_free(l);
    return NULL;
}

void live_free(struct live *l)
{
    if (!l)
        return;
    demur_client_close(l->c);
    fixture_free(l->f);
    free(l);
}

void live_run(void (*test)(struct live *l))
{
    struct live *l = live_new();
    if (l)
        test(l);
    live_free(l);
}

struct demur_filing live_filing(bool named)
{
    return (struct demur_filing){
        .title = span_lit("The bridge"),
        .body =
            span_lit("# Position\r\n\r\nIt will not hold.\r\n\r\n# Reasons\r\n\r\nRust.\r\n\r\n"),
        .named = named};
}

bool live_file(struct live *l, size_t i, bool named, struct demur_actor *author)
{
    struct demur_draft *draft = NULL;
    struct demur_filing filing = live_filing(named);
    enum demur_err err = demur_draft_make(&draft, l->c, &l->member[i], &filing, &l->diag);
    if (!err)
        err = demur_actor_from_phrase(author, span_str(demur_draft_phrase(draft)),
                                      l->f->w->fingerprint, &l->diag);
    if (!err)
        err = demur_draft_send(draft, NULL, &l->diag);
    demur_draft_free(draft);
    if (err)
        test_failed(__FILE__, __LINE__, "filing: %s: %s", demur_err_name(err), l->diag.text);
    return !err;
}

struct demur_filing live_memo(struct live *l, enum demur_audience audience)
{
    struct demur_filing f = live_filing(false);
    f.until = demur_client_now(l->c) + 13 * 86400u;
    f.audience = audience;
    return f;
}

bool live_circulate_filing(struct live *l, size_t i, const struct demur_filing *filing,
                           struct live_round *out)
{
    struct demur_draft *draft = NULL;
    enum demur_err err = demur_draft_make(&draft, l->c, &l->member[i], filing, &l->diag);
    if (!err)
        err = demur_actor_from_phrase(&out->author, span_str(demur_draft_phrase(draft)),
                                      l->f->w->fingerprint, &l->diag);
    if (!err && demur_draft_link(draft, &out->link)) {
        memcpy(out->id, demur_draft_dissent(draft), sizeof out->id);
        err = demur_draft_send(draft, NULL, &l->diag);
    }
    demur_draft_free(draft);
    if (err)
        test_failed(__FILE__, __LINE__, "circulating: %s", l->diag.text);
    return !err;
}

bool live_circulate(struct live *l, size_t i, enum demur_audience audience, struct live_round *out)
{
    struct demur_filing filing = live_memo(l, audience);
    return live_circulate_filing(l, i, &filing, out);
}

enum demur_err live_sign(struct live *l, struct demur_actor *member, const struct live_round *r)
{
    struct demur_signature_made made;
    const struct demur_signing g = {.dissent = r->id, .link = &r->link};
    enum demur_err err = demur_signature_make(l->c, member, &g, &made, &l->diag);
    return err ? err : demur_signature_send(l->c, r->id, NULL, &l->diag);
}

uint64_t live_signatures(struct live *l, const struct live_round *r)
{
    struct demur_signature *list = NULL;
    size_t n = 0;
    enum demur_err err = demur_signatures(l->c, NULL, r->id, true, &list, &n, &l->diag);
    free(list);
    return err ? UINT64_MAX : n;
}

struct demur_client *live_behind(struct live *l, struct between *b)
{
    struct demur_client *c = NULL;
    if (!between_start(b, l->f->port))
        return NULL;
    struct demur_client_options o = live_options(l, "meddled");
    o.url = b->url;
    CHECK_SAYS(demur_client_open(&c, &o, &l->diag), DEMUR_OK, "");
    return c;
}
