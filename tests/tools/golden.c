/* Writes the golden logs and the stories' digests of vectors/fold: usage golden DIR. To be run only
 * when the fold's meaning is meant to change; tests/core/golden_test.c pins it. */
#include "../harness.h"
#include "../support/story.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "../../core/encode.h"

#define DAY 86400u
#define START 1795186800u /* Friday 20 November 2026, 15:00 UTC */

static void put(FILE *f, struct span s)
{
    uint8_t head[2] = {(uint8_t)(s.len >> 8), (uint8_t)s.len};
    fwrite(head, 1, 2, f);
    fwrite(s.p, 1, s.len, f);
}

static struct span slurp(const char *path)
{
    FILE *f = fopen(path, "rb");
    uint8_t *p = malloc(65536);
    size_t n = f && p ? fread(p, 1, 65535, f) : 0;
    if (n == 0)
        exit(2);
    p[n] = 0;
    fclose(f);
    return span_of(p, n);
}

static void save(struct town *w, const char *dir, const char *name)
{
    char path[4096], hex[65];
    uint8_t hash[32];
    snprintf(path, sizeof path, "%s/%s.log", dir, name);
    FILE *f = fopen(path, "wb");
    if (!f || !demur_channel_state_hash(w->c, hash))
        exit(2);
    for (size_t i = 0; i < w->entries_len; i++) {
        put(f, span_of(w->entries[i].bytes, w->entries[i].len));
        if (w->entries[i].text.len)
            put(f, w->entries[i].text);
    }
    fclose(f);
    struct buf b = buf_over(hex, 64);
    demur_hex_encode(&b, span_of(hash, 32));
    hex[64] = 0;
    snprintf(path, sizeof path, "%s/%s.hash", dir, name);
    f = fopen(path, "wb");
    if (!f)
        exit(2);
    fprintf(f, "%s\n", hex);
    fclose(f);
    printf("%s: %zu entries, %s\n", name, w->entries_len, hex);
}

static void must(struct town *w, enum demur_err err)
{
    if (err == DEMUR_OK)
        return;
    fprintf(stderr, "golden: %s: %s\n", demur_err_name(err), w->diag.text);
    exit(2);
}

static struct town *settle(const char *calendar, const char *policy, const char *keeper,
                           const char *attributes)
{
    char path[200];
    snprintf(path, sizeof path, "policies/%s.calendar", calendar);
    struct span days = slurp(path);
    snprintf(path, sizeof path, "policies/%s.policy", policy);
    const char *const calendars[][2] = {{calendar, (const char *)days.p}};
    struct town *w = town_new(START - 10 * DAY, 60, calendars, 1, slurp(path));
    if (!w)
        exit(2);
    town_begin_by(w, DEMUR_RECORD_ROLE, &w->root);
    demur_put_text(&w->out, DEMUR_FIELD_ROLE, span_str(keeper));
    demur_put_text(&w->out, DEMUR_FIELD_CHANGE, span_lit("holds"));
    demur_put_bytes(&w->out, DEMUR_FIELD_HOLDER, span_of(w->keeper.public_key, 32));
    demur_put_text(&w->out, DEMUR_FIELD_RECIPIENT, span_str(w->keeper.recipient));
    must(w, town_sign_send(w, &w->root));
    for (size_t i = 0; i < 12; i++) {
        must(w, town_invite(w, i, attributes));
        must(w, town_join(w, i));
    }
    w->now = START;
    return w;
}

/* The State policy: a late acknowledgement, a question, a reply; a withdrawal; a
 * circulation with signatures given and taken back. */
static void state(const char *dir)
{
    static const char five[] = "deputy-secretary executive-secretary open-forum-chair "
                               "policy-planning secretary under-secretary-p";
    struct town *w = settle("us-federal", "us-state-2-fam-070", "roster-keeper",
                            "agency=state citizenship=us engagement=employee grade=FS-02");
    struct town_case a, b, k;
    must(w, town_grant(w, 0, "policy-planning"));
    must(w, town_grant(w, 1, "secretary"));
    must(w, town_file(w, 0, 0, five, &a));
    must(w, town_file(w, 1, 2, five, &b));
    must(w, town_circulate(w, 2, 0, w->now + 30 * DAY, &k));
    for (size_t i = 3; i < 9; i++)
        must(w, town_cosign(w, i, &k, DEMUR_RECORD_COSIGN));
    must(w, town_cosign(w, 5, &k, DEMUR_RECORD_UNSIGN));
    must(w, town_withdraw(w, &b));
    w->now += 6 * DAY;
    must(w, town_open(w, &a, 0, "policy-planning"));
    must(w, town_step(w, &a, 0, "policy-planning", "acknowledge", true, 0));
    must(w, town_step(w, &a, 0, "policy-planning", "ask", true, 0));
    w->now += 20 * DAY;
    must(w, town_say(w, &a, -1, NULL));
    must(w, town_open(w, &a, 1, "secretary"));
    w->now += 90 * DAY;
    must(w, town_step(w, &a, 0, "policy-planning", "reply", true, 0));
    save(w, dir, "state");
    town_free(w);
}

/* The company policy: nobody acknowledges in time, so the board is entitled; an
 * extension, a reply, and a case that is left to run out. */
static void company(const char *dir)
{
    struct town *w = settle("eu-weekdays", "company", "people-office", "team=red");
    struct town_case a, b;
    must(w, town_grant(w, 0, "people-office"));
    must(w, town_grant(w, 1, "board"));
    must(w, town_file(w, 0, 0, "people-office", &a));
    must(w, town_file(w, 1, 1, "people-office", &b));
    w->now += 12 * DAY;
    must(w, town_open(w, &a, 1, "board"));
    must(w, town_step(w, &a, 0, "people-office", "acknowledge", false, 0));
    must(w, town_step(w, &a, 0, "people-office", "extend", true, 0));
    w->now += 20 * DAY;
    must(w, town_step(w, &a, 0, "people-office", "reply", true, 0));
    w->now += 100 * DAY;
    must(w, town_say(w, &b, -1, NULL));
    save(w, dir, "company");
    town_free(w);
}

/* Tell one story and write its line; count what was accepted and refused in `seen`. */
static void story(FILE *f, const struct story_setting *t, uint64_t seed,
                  uint32_t (*seen)[DEMUR_RECORD_TYPES])
{
    char path[4096], line[STORY_LINE_MAX];
    struct story_result result;
    snprintf(path, sizeof path, "%s/%s", strchr(t->policy, '/') ? "vectors" : "policies",
             t->policy);
    struct span policy = slurp(path);
    snprintf(path, sizeof path, "policies/%s.calendar", t->calendar);
    struct span calendar = slurp(path);
    if (!story_tell(&result, t, seed, policy, calendar, true)) {
        fprintf(stderr, "golden: %s %u: %s\n", t->policy, (unsigned)seed, test_message());
        exit(2);
    }
    for (size_t i = 0; i < DEMUR_RECORD_TYPES; i++) {
        seen[0][i] += result.accepted[i];
        seen[1][i] += result.refused[i];
    }
    story_line(line, t, seed, &result);
    fprintf(f, "%s\n", line);
    free((void *)(uintptr_t)policy.p);
    free((void *)(uintptr_t)calendar.p);
}

static bool all_seen(uint32_t (*seen)[DEMUR_RECORD_TYPES])
{
    for (size_t i = 1; i < DEMUR_RECORD_TYPES; i++)
        if (!seen[0][i] || !seen[1][i])
            return false;
    return true;
}

/* As many as the settings want; and more under the first, until every type of record was
 * accepted somewhere and refused somewhere. */
static void stories(const char *dir)
{
    uint32_t seen[2][DEMUR_RECORD_TYPES] = {{0}};
    char path[4096];
    unsigned n = 0;
    snprintf(path, sizeof path, "%s/stories.txt", dir);
    FILE *f = fopen(path, "wb");
    if (!f)
        exit(2);
    for (const struct story_setting *t = story_settings; t->policy; t++)
        for (uint64_t seed = 1; seed <= t->seeds; seed++, n++)
            story(f, t, seed, seen);
    for (uint64_t seed = story_settings[0].seeds + 1; !all_seen(seen) && seed < 100; seed++, n++)
        story(f, &story_settings[0], seed, seen);
    fclose(f);
    printf("stories: %u\n", n);
}

int main(int argc, char **argv)
{
    if (argc != 2 || sodium_init() < 0)
        return 2;
    state(argv[1]);
    company(argv[1]);
    stories(argv[1]);
    return 0;
}
