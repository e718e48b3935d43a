/* banned.h - functions that fail to compile: unbounded, locale-bound or
 * non-reentrant. The habit is git's banned.h. */
#ifndef DEMUR_CORE_BANNED_H
#define DEMUR_CORE_BANNED_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#pragma GCC poison strcpy strcat strncpy strncat sprintf vsprintf gets strtok
#pragma GCC poison asctime ctime gmtime localtime atoi atol atof

#endif
