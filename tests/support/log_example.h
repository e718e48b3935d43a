/* log_example.h - the worked example of docs/formats/log.md and receipt.md: a
 * log of seven entries under fixed keys, made into the files of vectors/log/.
 * The unit tests compare them; tests/interop/log_tool.c writes them. */
#ifndef DEMUR_TESTS_SUPPORT_LOG_EXAMPLE_H
#define DEMUR_TESTS_SUPPORT_LOG_EXAMPLE_H

#include "../../core/receipt.h"
#include "../../core/tile.h"

enum { LOG_EXAMPLE_ENTRIES = 7, LOG_EXAMPLE_INDEX = 4, LOG_EXAMPLE_FILES = 7 };

struct log_example {
    uint8_t log_secret[64], witness_secret[64];
    struct demur_note_key log, witness;
    uint8_t entry_bytes[LOG_EXAMPLE_ENTRIES][64];
    struct span entry[LOG_EXAMPLE_ENTRIES];
    uint8_t leaf[LOG_EXAMPLE_ENTRIES][32];
    struct demur_checkpoint head;
    struct demur_proof proof; /* that entry LOG_EXAMPLE_INDEX is in it */
    struct {
        const char *name;
        uint8_t bytes[2048];
        struct span content;
    } file[LOG_EXAMPLE_FILES];
};

/* False when the code under test refuses its own work. */
bool log_example_make(struct log_example *e);
/* A file's content, or an empty span for a name that is none. */
struct span log_example_file(const struct log_example *e, const char *name);

#endif
