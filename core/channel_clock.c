/* Clocks and timers of one dissent: docs/formats/fold.md, "Clocks".
 *
 * Timers touch nothing but their own dissent, and a calendar edit touches only
 * days after its entry. So a dissent's timers may fire when it is next looked
 * at, and the outcome is the same as if all had fired in the order of time. */
#include "channel_state.h"

const struct demur_policy *channel_policy_of(const struct demur_channel *c, const struct dissent *d)
{
    return c->policies[d->policy].policy;
}

static size_t extensible(const struct demur_policy *p, int before)
{
    size_t n = 0;
    for (int i = 0; i < before; i++)
        n += p->clocks[i].extensions_len > 0;
    return n;
}

static struct clock_extensions *extensions_start(const struct demur_policy *p,
                                                 const struct dissent *d)
{
    return (void *)(d->clocks + p->clocks_len);
}

size_t channel_clocks_size(const struct demur_policy *p)
{
    return p->clocks_len * sizeof(struct clock_run) +
           extensible(p, p->clocks_len) * sizeof(struct clock_extensions) +
           p->steps_len * sizeof(uint32_t);
}

struct clock_extensions *channel_extensions(const struct demur_policy *p, const struct dissent *d,
                                            int clock)
{
    return p->clocks[clock].extensions_len ? extensions_start(p, d) + extensible(p, clock) : NULL;
}

uint32_t *channel_times(const struct demur_policy *p, const struct dissent *d)
{
    return (void *)(extensions_start(p, d) + extensible(p, p->clocks_len));
}

bool channel_stage_reserve(struct dissent *d)
{
    return demur_grow(&d->stages, &d->stages_cap, (size_t)d->stages_len + 2, sizeof *d->stages);
}

bool channel_stages_reserve(const struct demur_channel *c, struct dissent *d)
{
    /* A record moves a case once; timers that move it are bounded by STAGES_MAX. */
    const struct demur_policy *p = channel_policy_of(c, d);
    size_t need = (size_t)d->stages_len + 2;
    for (int i = 0; i < p->clocks_len; i++)
        for (int k = 0; k < p->clocks[i].actions_len; k++)
            if (p->clocks[i].actions[k].kind == DEMUR_ACTION_MOVE)
                need = STAGES_MAX + 2;
    return demur_grow(&d->stages, &d->stages_cap, need, sizeof *d->stages);
}

/* The last pause is over; one that took no time is none. */
static size_t pause_end(struct demur_pause *pauses, size_t n, int64_t until)
{
    pauses[n - 1].until = until;
    return until <= pauses[n - 1].from ? n - 1 : n;
}

static size_t pauses_of(const struct demur_policy_clock *clock, const struct dissent *d,
                        const struct clock_run *run, struct demur_pause *out)
{
    size_t n = 0;
    bool paused = false;
    int64_t gone = d->withdrawn ? (int64_t)d->withdrawn_at : DEMUR_NEVER;
    for (size_t i = 0; i < d->stages_len; i++) {
        int64_t at = d->stages[i].at;
        bool in = demur_set_has(clock->paused_in, d->stages[i].stage) && at < gone;
        if (in && !paused)
            out[n++] = (struct demur_pause){at > run->start ? at : run->start, DEMUR_NEVER};
        if (!in && paused)
            n = pause_end(out, n, at < gone ? at : gone);
        paused = in;
    }
    return paused && gone != DEMUR_NEVER ? pause_end(out, n, gone) : n;
}

/* `more` may be NULL: the clock cannot be extended. */
static void clock_compute(const struct demur_channel *c, const struct dissent *d, int i,
                          struct clock_run *run, const struct clock_extensions *more)
{
    const struct demur_policy *p = channel_policy_of(c, d);
    struct demur_pause pauses[STAGES_MAX];
    struct demur_extension extensions[EXTENSIONS_MAX];
    struct demur_calendars calendars = channel_calendars(c);
    size_t n = pauses_of(&p->clocks[i], d, run, pauses);
    for (size_t k = 0; k < run->extensions_len; k++)
        extensions[k] = (struct demur_extension){more->index[k], more->until[k]};
    if (demur_clock_due(p, i, &calendars, run->start, pauses, n, extensions, run->extensions_len,
                        &run->target, &run->limit, NULL) != DEMUR_OK)
        run->target = run->limit = DEMUR_NEVER; /* beyond the year 9999 */
}

static bool running(const struct clock_run *run)
{
    return run->started && !run->met && !run->stopped;
}

static void clocks_compute(const struct demur_channel *c, struct dissent *d)
{
    const struct demur_policy *p = channel_policy_of(c, d);
    for (int i = 0; i < p->clocks_len; i++)
        if (running(&d->clocks[i]))
            clock_compute(c, d, i, &d->clocks[i], channel_extensions(p, d, i));
    d->calendars_seen = c->calendars_len;
}

static void clock_start(const struct demur_channel *c, struct dissent *d, int i, int64_t at)
{
    struct clock_run *run = &d->clocks[i];
    if (run->started && !channel_policy_of(c, d)->clocks[i].every_time)
        return;
    *run = (struct clock_run){.started = true, .start = at, .missed_runs = run->missed_runs};
    clock_compute(c, d, i, run, NULL);
}

static void clocks_start(const struct demur_channel *c, struct dissent *d,
                         enum demur_event_kind kind, int index, int64_t at)
{
    const struct demur_policy *p = channel_policy_of(c, d);
    for (int i = 0; i < p->clocks_len; i++)
        for (int k = 0; k < p->clocks[i].starts_len; k++) {
            const struct demur_policy_event *e = &p->clocks[i].starts[k];
            bool indexed = kind == DEMUR_EVENT_STEP || kind == DEMUR_EVENT_STAGE;
            if (e->kind == kind && (!indexed || e->index == index))
                clock_start(c, d, i, at);
        }
}

static void clock_end(struct clock_run *run, bool met, int64_t at)
{
    if (!running(run))
        return;
    run->met = met;
    run->stopped = !met;
    run->end = at;
}

static void stage_enter(const struct demur_channel *c, struct dissent *d, int stage, int64_t at)
{
    const struct demur_policy *p = channel_policy_of(c, d);
    d->stage = (int16_t)stage;
    d->stages[d->stages_len++] = (struct stage_change){at, (int16_t)stage};
    if (p->stages[stage].final)
        for (int i = 0; i < p->clocks_len; i++)
            if (!p->clocks[i].window)
                clock_end(&d->clocks[i], false, at);
    clocks_compute(c, d);
    clocks_start(c, d, DEMUR_EVENT_STAGE, stage, at);
}

/* When the clock's fallback event happened, or -1. */
static int64_t fallback_event(const struct dissent *d, const struct demur_policy_event *e)
{
    switch (e->kind) {
    case DEMUR_EVENT_OPENING:
        return (int64_t)d->opened_at;
    case DEMUR_EVENT_FILING:
        return d->filed ? (int64_t)d->filed_at : -1;
    case DEMUR_EVENT_STEP:
        for (size_t i = 0; i < d->events_len; i++)
            if (d->events[i].step == e->index)
                return (int64_t)d->events[i].at;
        return -1;
    case DEMUR_EVENT_STAGE:
        for (size_t i = 0; i < d->stages_len; i++)
            if (d->stages[i].stage == e->index)
                return d->stages[i].at;
        return -1;
    case DEMUR_EVENT_NONE:
        break;
    }
    return -1;
}

/* Is there still something that the clock could wait for, had it started? */
static bool fallback_open(const struct demur_policy *p, const struct dissent *d, int i)
{
    const struct demur_policy_clock *pc = &p->clocks[i];
    bool over = d->stage >= 0 ? p->stages[d->stage].final != DEMUR_FINAL_NO : d->withdrawn;
    return pc->fallback.kind != DEMUR_EVENT_NONE && !d->clocks[i].started &&
           !(d->taken & (pc->met_by | pc->stopped_by)) && (pc->window || !over);
}

/* When a clock that has not started would start by its fallback. */
static int64_t fallback_time(const struct demur_channel *c, const struct dissent *d, int i)
{
    const struct demur_policy *p = channel_policy_of(c, d);
    struct demur_calendars calendars = channel_calendars(c);
    int64_t event, start;
    if (!fallback_open(p, d, i) || (event = fallback_event(d, &p->clocks[i].fallback)) < 0 ||
        demur_clock_fallback(p, i, &calendars, event, &start) != DEMUR_OK)
        return DEMUR_NEVER;
    return start;
}

/* Timers of a clock that are none of its actions. */
enum { FALLBACK = -2, MISS = -1 };

static void earlier(int64_t time, int i, int k, int64_t *first, int *clock, int *timer)
{
    if (time < *first)
        *first = time, *clock = i, *timer = k;
}

/* The earliest timer that has not fired: its time, clock, and which of the clock's:
 * an action, or one of the above. DEMUR_NEVER when there is none. */
static int64_t next_timer(const struct demur_channel *c, const struct dissent *d, int *clock,
                          int *timer)
{
    const struct demur_policy *p = channel_policy_of(c, d);
    int64_t first = DEMUR_NEVER;
    for (int i = 0; i < p->clocks_len; i++) {
        const struct demur_policy_clock *pc = &p->clocks[i];
        const struct clock_run *run = &d->clocks[i];
        earlier(fallback_time(c, d, i), i, FALLBACK, &first, clock, timer);
        if (!running(run))
            continue;
        if (!pc->window && !run->missed && run->limit != DEMUR_NEVER)
            earlier(run->limit + 1, i, MISS, &first, clock, timer);
        for (int k = 0; k < pc->actions_len; k++) {
            int64_t due = pc->actions[k].at_target ? run->target : run->limit;
            if (due != DEMUR_NEVER && !(run->fired >> k & 1))
                earlier(due + 1, i, k, &first, clock, timer);
        }
    }
    return first;
}

/* Law 20 of policies keeps every case short of this; memory does not rely on it. */
static bool may_move(const struct dissent *d) { return d->stages_len < STAGES_MAX; }

static void fire(const struct demur_channel *c, struct dissent *d, int i, int k, int64_t at)
{
    const struct demur_policy_action *action = &channel_policy_of(c, d)->clocks[i].actions[k];
    d->clocks[i].fired |= (uint8_t)(1u << k);
    switch (action->kind) {
    case DEMUR_ACTION_ESCALATE:
        d->entitled |= demur_set_of(action->index);
        d->late = true;
        break;
    case DEMUR_ACTION_SHOW:
        d->late = true;
        break;
    case DEMUR_ACTION_MOVE:
        if (demur_set_has(action->from, d->stage) && may_move(d))
            stage_enter(c, d, action->index, at);
        break;
    }
}

void channel_timers(const struct demur_channel *c, struct dissent *d, uint64_t now)
{
    int i, k;
    int64_t t;
    if (d->calendars_seen != c->calendars_len)
        clocks_compute(c, d);
    while ((t = next_timer(c, d, &i, &k)) <= (int64_t)now && t != DEMUR_NEVER) {
        if (k == FALLBACK) {
            clock_start(c, d, i, t);
        } else if (k == MISS) {
            d->clocks[i].missed = true;
            d->clocks[i].missed_runs++;
        } else {
            fire(c, d, i, k, t);
        }
    }
}

void channel_event_withdrawn(const struct demur_channel *c, struct dissent *d, uint64_t at)
{
    const struct demur_policy *p = channel_policy_of(c, d);
    d->withdrawn = true;
    d->withdrawn_at = at;
    for (int i = 0; i < p->clocks_len && !d->filed; i++)
        clock_end(&d->clocks[i], false, (int64_t)at);
    clocks_compute(c, d);
}

void channel_event_opened(const struct demur_channel *c, struct dissent *d, uint64_t at)
{
    clocks_start(c, d, DEMUR_EVENT_OPENING, 0, (int64_t)at);
}

void channel_event_filed(const struct demur_channel *c, struct dissent *d, uint64_t at)
{
    clocks_start(c, d, DEMUR_EVENT_FILING, 0, (int64_t)at);
    stage_enter(c, d, 0, (int64_t)at);
}

/* Append the step's extension of clock i, if it has one, to the run and to `more`. */
static enum demur_err extend(const struct demur_channel *c, const struct dissent *d, int i,
                             int step, uint64_t until, struct clock_run *run,
                             struct clock_extensions *more, struct demur_diag *diag)
{
    const struct demur_policy *p = channel_policy_of(c, d);
    const struct demur_policy_clock *pc = &p->clocks[i];
    for (uint8_t k = 0; k < pc->extensions_len; k++) {
        if (pc->extensions[k].step != step || !running(run))
            continue;
        if (run->extensions_len == EXTENSIONS_MAX)
            return demur_fail(diag, DEMUR_ERR_LIMIT, "this clock was extended %d times already",
                              EXTENSIONS_MAX);
        struct demur_calendars calendars = channel_calendars(c);
        struct demur_extension granted = {k, (int64_t)until};
        struct demur_pause pauses[STAGES_MAX];
        size_t n = pauses_of(pc, d, run, pauses);
        enum demur_err err =
            demur_clock_extension_check(p, i, &calendars, pauses, n, run->limit, &granted, diag);
        if (err)
            return err;
        more->index[run->extensions_len] = granted.index;
        more->until[run->extensions_len++] = granted.until;
        clock_compute(c, d, i, run, more);
    }
    return DEMUR_OK;
}

enum demur_err channel_step_check(const struct demur_channel *c, const struct dissent *d, int step,
                                  int to, uint64_t until, struct demur_diag *diag)
{
    const struct demur_policy *p = channel_policy_of(c, d);
    enum demur_err err = DEMUR_OK;
    if (to >= 0 && to != d->stage && !may_move(d))
        return demur_fail(diag, DEMUR_ERR_LIMIT, "this dissent has changed its stage too often");
    for (int i = 0; !err && i < p->clocks_len; i++) {
        const struct clock_extensions *more = channel_extensions(p, d, i);
        struct clock_run run = d->clocks[i];
        struct clock_extensions copy;
        if (!more)
            continue;
        copy = *more;
        err = extend(c, d, i, step, until, &run, &copy, diag);
    }
    return err;
}

void channel_event_step(const struct demur_channel *c, struct dissent *d, int step, int to,
                        demur_set entitled, uint64_t at, uint64_t until)
{
    const struct demur_policy *p = channel_policy_of(c, d);
    channel_times(p, d)[step]++;
    d->taken |= demur_set_of(step);
    d->entitled |= entitled;
    for (int i = 0; i < p->clocks_len; i++) {
        if (demur_set_has(p->clocks[i].met_by, step))
            clock_end(&d->clocks[i], true, (int64_t)at);
        if (demur_set_has(p->clocks[i].stopped_by, step))
            clock_end(&d->clocks[i], false, (int64_t)at);
        if (extend(c, d, i, step, until, &d->clocks[i], channel_extensions(p, d, i), NULL) !=
            DEMUR_OK)
            continue; /* cannot be: channel_step_check went before */
    }
    if (to >= 0 && to != d->stage)
        stage_enter(c, d, to, (int64_t)at);
    clocks_start(c, d, DEMUR_EVENT_STEP, step, (int64_t)at);
}

bool channel_clock_passed(const struct dissent *d, int clock, uint64_t now)
{
    const struct clock_run *run = &d->clocks[clock];
    return run->started && run->limit != DEMUR_NEVER && (int64_t)now > run->limit;
}

/* Own parts for what timers change. False, and nothing owned, when memory is out. */
static bool dissent_copy(const struct demur_channel *c, const struct dissent *d,
                         struct dissent *copy)
{
    size_t size = channel_clocks_size(channel_policy_of(c, d));
    *copy = *d;
    copy->stages = NULL;
    copy->stages_cap = 0;
    copy->clocks = malloc(size ? size : 1);
    if (!copy->clocks || !channel_stages_reserve(c, copy)) {
        free(copy->clocks);
        return false;
    }
    memcpy(copy->clocks, d->clocks, size);
    if (d->stages_len)
        memcpy(copy->stages, d->stages, d->stages_len * sizeof *d->stages);
    return true;
}

const struct dissent *channel_dissent_at(const struct demur_channel *c, const struct dissent *d,
                                         uint64_t now, struct dissent *copy)
{
    int i, k;
    if (d->calendars_seen == c->calendars_len && next_timer(c, d, &i, &k) > (int64_t)now)
        return d;
    if (!dissent_copy(c, d, copy))
        return NULL;
    channel_timers(c, copy, now);
    return copy;
}

void channel_dissent_done(const struct dissent *d, struct dissent *copy)
{
    if (d != copy)
        return;
    free(copy->stages);
    free(copy->clocks);
}
