/* To whom a memo goes: the roles, and the keys of those who hold them. */
#include <sodium.h>
#include <stdlib.h>

#include "../core/seal.h"
#include "filing.h"

/* Does the filing itself tell how this condition on the author comes out? A name
 * does, to the offices; so does a narrowed ring, when the condition is the same for
 * every member of it. */
static bool condition_shown(const struct making *m, const struct demur_condition *when)
{
    struct span name = m->policy->attributes[when->attribute].name;
    bool shown = m->filing->named;
    for (size_t i = 0; i < m->filing->subsets_len && !shown; i++) {
        bool more, holds[2] = {false, false};
        struct span rest = m->filing->subsets[i], by = span_split(&rest, '=', &more);
        if (!span_eq(by, name))
            continue;
        while (more) {
            struct demur_attribute one = {name, span_split(&rest, ',', &more)};
            holds[demur_condition_holds(m->policy, when, &one, 1)] = true;
        }
        shown = holds[0] != holds[1];
    }
    return shown;
}

/* A rule about an attribute binds the author only where the filing shows how it comes
 * out, for the log shows the roles: an anonymous author decides alone. */
static enum demur_receives receives(const struct making *m, int role)
{
    const struct demur_policy *p = m->policy;
    bool shown = true;
    for (size_t i = 0; i < p->receivers_len; i++)
        if (p->receivers[i].role == role && p->receivers[i].conditional)
            shown = shown && condition_shown(m, &p->receivers[i].when);
    return demur_policy_receives(p, role, shown ? m->attributes : NULL,
                                 shown ? m->attributes_len : 0);
}

static bool asked_for(const struct demur_filing *f, struct span role)
{
    for (size_t i = 0; i < f->also_to_len; i++)
        if (span_eq_str(role, f->also_to[i]))
            return true;
    return false;
}

static enum demur_err add_role(struct making *m, struct span role, struct demur_diag *diag)
{
    struct demur_draft *d = m->draft;
    if (d->to_len == DEMUR_LETTER_TO_MAX ||
        !copy_text(d->to_names[d->to_len], sizeof d->to_names[0], role))
        return demur_fail_at(diag, DEMUR_ERR_LIMIT, 0, 0, "to", "a memo goes to %u roles at most",
                             DEMUR_LETTER_TO_MAX);
    d->to_len++;
    return DEMUR_OK;
}

static int by_name(const void *a, const void *b)
{
    return span_cmp(span_str((const char *)a), span_str((const char *)b));
}

/* `--to` names a role that does not exist, or that no filing goes to. */
static enum demur_err not_addressed(const struct making *m, struct span wanted, bool known,
                                    struct demur_diag *diag)
{
    char text[120];
    struct buf list = buf_over(text, sizeof text);
    for (int role = 0; role < m->policy->roles_len; role++) {
        struct span name = m->policy->roles[role].name;
        const char *between = list.len ? " or " : "";
        if (receives(m, role) != DEMUR_RECEIVES_MAY ||
            list.len + strlen(between) + name.len > sizeof text)
            continue;
        buf_put_str(&list, between);
        buf_put_span(&list, name);
    }
    if (!list.len)
        buf_put_str(&list, "nobody else");
    return demur_fail_at(diag, known ? DEMUR_ERR_FORBIDDEN : DEMUR_ERR_UNKNOWN, 0, 0, "to",
                         known ? "the policy does not let a filing go to \"%.*s\": it may also go "
                                 "to %.*s"
                               : "the policy knows no role \"%.*s\": a filing may also go to %.*s",
                         SPAN_ARG(span_take(wanted, 60)), SPAN_ARG(buf_span(&list)));
}

static enum demur_err choose_roles(struct making *m, struct demur_diag *diag)
{
    const struct demur_policy *p = m->policy;
    struct demur_draft *d = m->draft;
    for (size_t i = 0; i < m->filing->also_to_len; i++)
        if (demur_policy_role(p, span_str(m->filing->also_to[i])) < 0)
            return not_addressed(m, span_str(m->filing->also_to[i]), false, diag);
    for (int role = 0; role < p->roles_len; role++) {
        enum demur_receives how = receives(m, role);
        bool asked = asked_for(m->filing, p->roles[role].name);
        if (asked && how != DEMUR_RECEIVES_MUST && how != DEMUR_RECEIVES_MAY)
            return not_addressed(m, p->roles[role].name, true, diag);
        if (asked || how == DEMUR_RECEIVES_MUST) {
            enum demur_err err = add_role(m, p->roles[role].name, diag);
            if (err)
                return err;
        }
    }
    if (d->to_len == 0)
        return demur_fail_at(diag, DEMUR_ERR_MISSING, 0, 0, "to",
                             "say to which roles the memo goes: the policy names none that must "
                             "receive it");
    qsort(d->to_names, d->to_len, sizeof d->to_names[0], by_name);
    for (size_t i = 0; i < d->to_len; i++)
        d->to[i] = span_str(d->to_names[i]);
    return DEMUR_OK;
}

/* Does the filing itself show the author's part of the membership by the attribute of
 * this "name=value": by a name, or by a ring of that one value? */
static bool part_shown(const struct making *m, struct span part)
{
    bool shown = m->filing->named;
    for (size_t i = 0; i < m->filing->subsets_len && !shown; i++)
        shown = subset_shows(m->filing->subsets[i], part);
    return shown;
}

static bool is_authors(const struct making *m, struct span part)
{
    bool found;
    struct span value = part, name = span_split(&value, '=', &found);
    for (size_t i = 0; i < m->attributes_len; i++)
        if (span_eq(m->attributes[i].name, name) && span_eq(m->attributes[i].value, value))
            return true;
    return false;
}

/* A role that is held for parts of the membership is meant for the author's part. But
 * whose keys a memo is sealed to, the officers see: so where the part is not shown to
 * them, all its holders receive it, and *whole is set. */
static bool receives_it(const struct making *m, const struct demur_holder *holder, bool *whole)
{
    if (holder->attribute.len == 0)
        return true;
    /* While it circulates nothing tells which part its signers belong to. */
    if (!m->draft->circulates && part_shown(m, holder->attribute))
        return is_authors(m, holder->attribute);
    *whole = true;
    return true;
}

/* Whoever holds one of the roles, and whether they read it. */
static enum demur_err add_holders(struct making *m, struct recipients *r, size_t *reached,
                                  struct demur_diag *diag)
{
    struct demur_draft *d = m->draft;
    uint64_t now = demur_client_view_time(m->c);
    struct demur_holder holder;
    for (size_t i = 0; i < d->to_len; i++)
        for (size_t k = 0; demur_channel_holder(m->c->channel, d->to[i], now, k, &holder); k++) {
            bool reads = receives_it(m, &holder, &d->whole[i]);
            if (!recipients_add(r, holder.x25519, reads))
                return no_memory(diag);
            d->holders[i] += reads;
            *reached += reads;
        }
    return DEMUR_OK;
}

enum demur_err making_to(struct making *m, struct demur_diag *diag)
{
    struct demur_draft *d = m->draft;
    struct recipients r = {0};
    size_t reached = 0;
    enum demur_err err = choose_roles(m, diag);
    if (!err && !recipients_add(&r, d->keys.age.public, true))
        err = no_memory(diag);
    if (!err)
        err = add_holders(m, &r, &reached, diag);
    if (!err && !reached)
        err = demur_fail_at(diag, DEMUR_ERR_MISSING, 0, 0, "to",
                            "nobody holds any of the roles that the memo goes to, so that "
                            "nobody could read it: tell the channel's root");
    if (!err)
        err = recipients_take(&r, &d->recipients, &d->recipients_len, diag);
    recipients_free(&r);
    return err;
}

/* ---- while it circulates ---- */

void making_readers(struct making *m)
{
    struct demur_draft *d = m->draft;
    struct demur_age_identity key;
    memcpy(d->readers[0].public, d->keys.age.public, 32);
    demur_circulation_key(&key, d->secret, m->c->options.channel, d->revision);
    d->readers[1] = demur_age_identity_recipient(&key);
    sodium_memzero(&key, sizeof key);
}

enum demur_err card_recipients(const struct demur_client *c,
                               const struct demur_age_recipient *case_recipient,
                               const struct span *roles, size_t roles_len,
                               struct demur_age_recipient **out, size_t *n, struct demur_diag *diag)
{
    struct recipients r = {0};
    struct demur_holder holder;
    uint64_t now = demur_client_view_time(c);
    bool fits = recipients_add(&r, case_recipient->public, true);
    for (size_t i = 0; fits && i < roles_len; i++)
        for (size_t k = 0; fits && demur_channel_holder(c->channel, roles[i], now, k, &holder); k++)
            fits = recipients_add(&r, holder.x25519, true);
    enum demur_err err = fits ? recipients_take(&r, out, n, diag) : no_memory(diag);
    recipients_free(&r);
    return err;
}
