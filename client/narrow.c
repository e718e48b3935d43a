/* The part of a ring in which somebody signs: what they ask for, as a record has it, and
 * whether policy and roster let them. */
#include <stdlib.h>

#include "filing.h"

#define VALUES_MAX 64

/* "grade, bureau": by what a ring may be narrowed. */
static enum demur_err not_shown(const struct demur_policy *p, struct span name,
                                struct demur_diag *diag)
{
    char text[120];
    struct buf list = buf_over(text, sizeof text);
    for (size_t i = 0; i < p->narrows_len; i++) {
        struct span may = p->attributes[p->narrows[i]].name;
        if (list.len + may.len + 2 > sizeof text)
            break;
        buf_put_str(&list, i ? ", " : "");
        buf_put_span(&list, may);
    }
    return demur_fail_at(diag, DEMUR_ERR_FORBIDDEN, 0, 0, "subset",
                         list.len ? "the policy does not let a signature name its signer's %.*s: "
                                    "only %.*s"
                                  : "the policy does not let a signature name its signer's %.*s: "
                                    "sign without --as%.*s",
                         SPAN_ARG(span_take(name, 40)), SPAN_ARG(buf_span(&list)));
}

/* Append "name=value,value" with its values in the order of the format, each once. */
static enum demur_err put_subset(struct narrowing *n, struct buf *out, const struct demur_policy *p,
                                 struct span subset, struct demur_diag *diag)
{
    struct span values[VALUES_MAX], rest = subset;
    size_t len = 0;
    bool more;
    struct demur_attribute one = {.name = span_split(&rest, '=', &more)};
    if (!demur_policy_narrows_by(p, one.name))
        return not_shown(p, one.name, diag);
    while (more) {
        one.value = span_split(&rest, ',', &more);
        enum demur_err err = demur_policy_attribute_check(p, &one, diag);
        if (err)
            return err;
        if (len == VALUES_MAX)
            return demur_fail_at(diag, DEMUR_ERR_LIMIT, 0, 0, "subset",
                                 "a ring is narrowed to %d values of an attribute at most",
                                 VALUES_MAX);
        values[len++] = one.value;
    }
    qsort(values, len, sizeof values[0], by_bytes);
    size_t from = out->len;
    buf_put_span(out, one.name);
    for (size_t i = 0; i < len; i++) {
        if (i && span_eq(values[i], values[i - 1]))
            continue;
        buf_put_byte(out, i ? ',' : '=');
        buf_put_span(out, values[i]);
    }
    if (!buf_ok(out))
        return demur_fail_at(diag, DEMUR_ERR_LIMIT, 0, 0, "subset",
                             "this narrows the ring to more than a record can say");
    n->subsets[n->len++] = span_of(out->p + from, out->len - from);
    return DEMUR_OK;
}

enum demur_err narrowing_take(struct narrowing *out, const struct demur_policy *p,
                              const struct span *given, size_t len, struct demur_diag *diag)
{
    struct buf text = buf_over(out->text, sizeof out->text);
    out->len = 0;
    if (len > NARROWINGS_MAX)
        return demur_fail_at(diag, DEMUR_ERR_LIMIT, 0, 0, "subset",
                             "a ring may be narrowed %d times at most", NARROWINGS_MAX);
    for (size_t i = 0; i < len; i++) {
        enum demur_err err = put_subset(out, &text, p, given[i], diag);
        if (err)
            return err;
    }
    qsort(out->subsets, out->len, sizeof out->subsets[0], by_bytes);
    size_t kept = 0;
    for (size_t i = 0; i < out->len; i++)
        if (!kept || !span_eq(out->subsets[i], out->subsets[kept - 1]))
            out->subsets[kept++] = out->subsets[i];
    out->len = kept;
    return DEMUR_OK;
}

static bool lists(struct span subset, struct span value)
{
    bool more;
    (void)span_split(&subset, '=', &more);
    while (more)
        if (span_eq(span_split(&subset, ',', &more), value))
            return true;
    return false;
}

enum demur_err narrowing_refuse(const struct narrowing *n, const struct demur_attribute *own,
                                size_t own_len, struct demur_diag *diag)
{
    for (size_t i = 0; i < n->len; i++) {
        bool more, has = false;
        struct span rest = n->subsets[i], name = span_split(&rest, '=', &more), value = {0};
        for (size_t k = 0; k < own_len && !has; k++)
            if (span_eq(own[k].name, name)) {
                value = own[k].value;
                has = lists(n->subsets[i], value);
            }
        if (!has)
            return demur_fail_at(diag, DEMUR_ERR_FORBIDDEN, 0, 0, "subset",
                                 "you cannot sign as one with %.*s: the roster says %s%.*s%s%.*s "
                                 "of you",
                                 SPAN_ARG(span_take(n->subsets[i], 80)), value.p ? "" : "no ",
                                 SPAN_ARG(name), value.p ? "=" : "", SPAN_ARG(value));
    }
    return demur_fail_at(diag, DEMUR_ERR_FORBIDDEN, 0, 0, "subset",
                         "you are not in that part of the ring");
}
