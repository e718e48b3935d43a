/* For clang-tidy only, which reads one file at a time and so cannot know that
 * demur_fail returns the code that it is given: it would follow the paths on
 * which a failure comes back as DEMUR_OK. */
#include "../core/base.h"

#define demur_fail(diag, code, ...) ((void)(diag), (code))
#define demur_fail_at(diag, code, line, column, field, ...)                                        \
    ((void)(diag), (void)(line), (void)(column), (void)(field), (code))
