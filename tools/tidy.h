/* For clang-tidy only, which reads one file at a time and so cannot know that
 * demur_fail returns the code that it is given: it would follow the paths on
 * which a failure comes back as DEMUR_OK. */
#include "../core/base.h"

/* What a message shows counts as used. */
static inline void demur_tidy_use(const char *fmt, ...) { (void)fmt; }

#define demur_fail(diag, code, ...) ((void)(diag), demur_tidy_use(__VA_ARGS__), (code))
#define demur_fail_at(diag, code, line, column, field, ...)                                        \
    ((void)(diag), (void)(line), (void)(column), (void)(field), demur_tidy_use(__VA_ARGS__), (code))
