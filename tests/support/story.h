/* story.h - logs made up from a seed, for tests that compare folds: a town (town.h) whose
 * people do a hundred things, rightful and wrongful, well formed and spoilt, over months.
 * Now and then the fold is saved, and goes on from what was loaded.
 * The same seed makes the same log wherever the fold means the same. */
#ifndef DEMUR_TEST_STORY_H
#define DEMUR_TEST_STORY_H

#include "town.h"

/* What a story is played under. Texts may come from test_data. */
struct story_setting {
    const char *policy;        /* its file, as test_data names it */
    const char *calendar;      /* its name */
    const char *keeper;        /* the role that keeps the roster */
    const char *attributes[3]; /* what members have; and the last, what none may */
    size_t members;            /* to begin with */
    size_t acts;               /* tried */
    unsigned seeds;            /* stories in stories.txt: 1 to this */
};
/* The settings that vectors/fold/stories.txt is made with; a NULL policy ends them. */
extern const struct story_setting story_settings[];

struct story_result {
    uint64_t entries, without_effect;
    /* Over every act: the fold's answer, the state's hash after it (every view), and now and
     * then the views at a later time; hexadecimal, NUL-ended. */
    char digest[65];
    uint32_t accepted[DEMUR_RECORD_TYPES], refused[DEMUR_RECORD_TYPES];
};
/* Tell the story of a seed. With `again`, its log is folded once more, as a reader of the
 * log does, and must come to the same state. False, and the test failed, when it cannot. */
bool story_tell(struct story_result *out, const struct story_setting *setting, uint64_t seed,
                struct span policy, struct span calendar, bool again);

/* The line of stories.txt that says this; NUL-ended. */
#define STORY_LINE_MAX 200
void story_line(char out[static STORY_LINE_MAX], const struct story_setting *setting, uint64_t seed,
                const struct story_result *result);

/* ---- inside story*.c --------------------------------------------------------------------- */

#define STORY_CASES 12
#define STORY_TEXTS 64

struct story_case {
    struct town_case k;
    size_t author; /* a member */
    size_t signer; /* the last member who co-signed; the author before that */
};

struct story {
    struct town *w;
    const struct story_setting *setting;
    uint64_t dice;
    struct span policy, calendar;
    struct story_case cases[STORY_CASES];
    size_t cases_len;
    size_t invited;               /* members 0 to invited - 1 were */
    unsigned slots[TOWN_MEMBERS]; /* the next filing slot of each */
    uint8_t *texts[STORY_TEXTS];  /* owned; the town borrows them */
    size_t texts_len;
    struct span text;              /* of the policy or calendar being sent */
    uint8_t out[DEMUR_RECORD_MAX]; /* work area */
    uint8_t *views;                /* work area */
    uint8_t chain[32];
    struct story_result *result;
};

/* The dice are thrown once in a full expression, for compilers may differ in the order.
 * 0 to n - 1; and whether a chance of one in n came true. */
size_t story_dice(struct story *s, size_t n);
bool story_chance(struct story *s, size_t n);
/* Sign with `field` SIG and send; now and then with another's key. */
enum demur_err story_send(struct story *s, const struct town_key *key);

/* One thing that somebody tries: the fold's answer. What was written is in w->out. */
typedef enum demur_err story_act(struct story *s);
struct story_act_row {
    story_act *act;
    unsigned weight;
};
story_act story_file, story_circulate, story_cosign;
bool story_window_open(const struct story *s); /* may some case be co-signed now? */
extern const struct story_act_row story_town_acts[], story_case_acts[]; /* ended by NULL */
/* A role of the policy's, of any kind; its name is NUL-ended. */
const char *story_role(struct story *s, char out[static 65]);

#endif
