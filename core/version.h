/* version.h - the one place where this program's version stands. debian/changelog says it as
 * well, and tests/suites/05-package holds the two together. */
#ifndef DEMUR_CORE_VERSION_H
#define DEMUR_CORE_VERSION_H

#define DEMUR_VERSION "0.2.0"
#define DEMUR_RELEASED "2026-11-24" /* when that version was made, as the man pages say it */

#endif
