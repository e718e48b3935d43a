/* civil.c - see civil.h. */
#include "civil.h"

#define DAY_S 86400

bool demur_leap_year(int32_t year) { return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0); }

uint8_t demur_month_days(int32_t year, uint8_t month)
{
    static const uint8_t days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (month < 1 || month > 12)
        return 0;
    return (uint8_t)(days[month - 1] + (month == 2 && demur_leap_year(year)));
}

bool demur_date_ok(struct demur_date d)
{
    return d.year >= 1 && d.year <= 9999 && d.day >= 1 &&
           d.day <= demur_month_days(d.year, d.month);
}

static int32_t clamp_day(int64_t day)
{
    return day < DEMUR_DAY_MIN ? DEMUR_DAY_MIN : day > DEMUR_DAY_MAX ? DEMUR_DAY_MAX : (int32_t)day;
}

static int64_t clamp_time(int64_t time)
{
    return time < DEMUR_TIME_MIN ? DEMUR_TIME_MIN : time > DEMUR_TIME_MAX ? DEMUR_TIME_MAX : time;
}

/* Days from 1 March of year 0 to the first of a month; the year begins in March,
 * so that the leap day is its last. */
static int32_t march_days(int32_t march_year, int32_t months_since_march)
{
    return march_year * 365 + march_year / 4 - march_year / 100 + march_year / 400 +
           (153 * months_since_march + 2) / 5;
}

#define MARCH_EPOCH 719468 /* days from 1 March of year 0 to 1970-01-01 */

int32_t demur_date_day(struct demur_date d)
{
    bool early = d.month < 3;
    int32_t day = march_days(d.year - early, d.month + (early ? 9 : -3)) + d.day - 1 - MARCH_EPOCH;
    return clamp_day(day);
}

struct demur_date demur_day_date(int32_t day)
{
    int32_t since = clamp_day(day) + MARCH_EPOCH;
    int32_t era = since / 146097, of_era = since % 146097;
    int32_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int32_t of_year = of_era - march_days(year, 0);
    int32_t months = (5 * of_year + 2) / 153;
    bool early = months >= 10;
    return (struct demur_date){
        .year = era * 400 + year + early,
        .month = (uint8_t)(months + (early ? -9 : 3)),
        .day = (uint8_t)(of_year - (153 * months + 2) / 5 + 1),
    };
}

enum demur_weekday demur_day_weekday(int32_t day)
{
    /* The first day there is, 0001-01-01, is a Monday. */
    return (enum demur_weekday)((clamp_day(day) - DEMUR_DAY_MIN) % 7);
}

int32_t demur_day_add_months(int32_t day, int32_t months)
{
    struct demur_date d = demur_day_date(day);
    int64_t total = (int64_t)d.year * 12 + d.month - 1 + months;
    if (total < 12)
        return DEMUR_DAY_MIN;
    if (total > 9999 * 12 + 11)
        return DEMUR_DAY_MAX;
    d.year = (int32_t)(total / 12);
    d.month = (uint8_t)(total % 12 + 1);
    uint8_t last = demur_month_days(d.year, d.month);
    if (d.day > last)
        d.day = last;
    return demur_date_day(d);
}

/* The Julian calendar's 21 March of a year, as a day number: the Gregorian one
 * plus the days by which the Julian calendar has fallen behind. */
static int32_t julian_march_21(int32_t year)
{
    int32_t march_21 = demur_date_day((struct demur_date){year, 3, 21});
    return march_21 + year / 100 - year / 400 - 2;
}

/* Easter is the first Sunday after the paschal full moon, which falls 0 to 29
 * days after 21 March by the 19-year cycle (Orthodox: as it stood in the Julian
 * calendar; Gregorian: corrected for the solar and lunar drift of centuries). */
int32_t demur_easter_day(int32_t year, bool orthodox)
{
    int32_t golden = year % 19, moon, start;
    if (orthodox) {
        moon = (19 * golden + 15) % 30;
        start = julian_march_21(year);
    } else {
        int32_t century = year / 100;
        int32_t drift = century - century / 4 - (8 * century + 13) / 25;
        moon = (19 * golden + drift + 15) % 30;
        moon -= moon == 29 || (moon == 28 && golden > 10);
        start = demur_date_day((struct demur_date){year, 3, 21});
    }
    int32_t full = start + moon;
    return clamp_day(full + 7 - (int32_t)(demur_day_weekday(full) + 1) % 7);
}

int32_t demur_time_day(int64_t time)
{
    time = clamp_time(time);
    return clamp_day(time / DAY_S - (time % DAY_S < 0));
}

/* `digits` decimal digits at p as a number, or -1. */
static int32_t digits_at(const uint8_t *p, size_t digits)
{
    int32_t v = 0;
    for (size_t i = 0; i < digits; i++) {
        if (p[i] < '0' || p[i] > '9')
            return -1;
        v = v * 10 + (p[i] - '0');
    }
    return v;
}

static void put_digits(struct buf *b, int32_t v, int digits)
{
    uint8_t text[4];
    for (int i = digits; i-- > 0; v /= 10)
        text[i] = (uint8_t)('0' + v % 10);
    buf_put(b, text, (size_t)digits);
}

bool demur_date_parse(struct span text, struct demur_date *out)
{
    if (text.len != 10 || text.p[4] != '-' || text.p[7] != '-')
        return false;
    int32_t year = digits_at(text.p, 4), month = digits_at(text.p + 5, 2),
            day = digits_at(text.p + 8, 2);
    if (year < 1 || month < 1 || day < 1)
        return false;
    struct demur_date d = {year, (uint8_t)month, (uint8_t)day};
    if (!demur_date_ok(d))
        return false;
    *out = d;
    return true;
}

void demur_date_put(struct buf *b, struct demur_date d)
{
    put_digits(b, d.year, 4);
    buf_put_byte(b, '-');
    put_digits(b, d.month, 2);
    buf_put_byte(b, '-');
    put_digits(b, d.day, 2);
}

void demur_time_put(struct buf *b, int64_t time, int32_t offset_s)
{
    int32_t minutes = offset_s / 60;
    if (minutes >= 1440 || minutes <= -1440)
        minutes = 0;
    time = clamp_time(clamp_time(time) + minutes * 60);
    int32_t day = demur_time_day(time);
    int32_t second = (int32_t)(time - (int64_t)day * DAY_S);
    demur_date_put(b, demur_day_date(day));
    static const int divisor[] = {3600, 60, 1};
    for (size_t i = 0; i < 3; i++) {
        buf_put_byte(b, i ? ':' : 'T');
        put_digits(b, second / divisor[i] % (i ? 60 : 24), 2);
    }
    if (minutes == 0) {
        buf_put_byte(b, 'Z');
        return;
    }
    buf_put_byte(b, minutes < 0 ? '-' : '+');
    int32_t size = minutes < 0 ? -minutes : minutes;
    put_digits(b, size / 60, 2);
    buf_put_byte(b, ':');
    put_digits(b, size % 60, 2);
}

/* `Z`, or `+hh:mm` / `-hh:mm`, in seconds. RFC 3339 keeps -00:00 for an unknown
 * offset and demur_time_put writes Z for +00:00, so neither is taken. */
static bool offset_parse(struct span s, int32_t *offset_s)
{
    *offset_s = 0;
    if (span_eq_str(s, "Z"))
        return true;
    if (s.len != 6 || (s.p[0] != '+' && s.p[0] != '-') || s.p[3] != ':')
        return false;
    int32_t hours = digits_at(s.p + 1, 2), minutes = digits_at(s.p + 4, 2);
    if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59 || hours + minutes == 0)
        return false;
    *offset_s = (s.p[0] == '-' ? -1 : 1) * (hours * 3600 + minutes * 60);
    return true;
}

enum demur_err demur_time_parse(int64_t *out, struct span text, struct demur_diag *diag)
{
    struct demur_date date;
    int32_t offset_s = 0, hour = -1, minute = -1, second = -1;
    bool ok = text.len >= 20 && demur_date_parse(span_take(text, 10), &date) && text.p[10] == 'T' &&
              text.p[13] == ':' && text.p[16] == ':' &&
              offset_parse(span_skip(text, 19), &offset_s);
    if (ok) {
        hour = digits_at(text.p + 11, 2);
        minute = digits_at(text.p + 14, 2);
        second = digits_at(text.p + 17, 2);
    }
    if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59)
        return demur_fail(diag, DEMUR_ERR_SYNTAX,
                          "\"%.*s\" is not a time such as 2026-11-20T14:05:09Z",
                          SPAN_ARG(span_take(text, 40)));
    int64_t time =
        (int64_t)demur_date_day(date) * DAY_S + hour * 3600 + minute * 60 + second - offset_s;
    if (time != clamp_time(time))
        return demur_fail(diag, DEMUR_ERR_TIME, "the time lies outside the years 1 to 9999");
    *out = time;
    return DEMUR_OK;
}

uint32_t demur_time_epoch(int64_t time)
{
    struct demur_date d = demur_day_date(demur_time_day(time));
    return (uint32_t)d.year * 12 + d.month - 1;
}

static struct demur_date epoch_date(uint32_t epoch)
{
    uint32_t in = epoch < 12 ? 12 : epoch > 9999 * 12 + 11 ? 9999 * 12 + 11 : epoch;
    return (struct demur_date){(int32_t)(in / 12), (uint8_t)(in % 12 + 1), 1};
}

int64_t demur_epoch_start(uint32_t epoch)
{
    return (int64_t)demur_date_day(epoch_date(epoch)) * DAY_S;
}

void demur_epoch_put(struct buf *b, uint32_t epoch)
{
    struct demur_date d = epoch_date(epoch);
    put_digits(b, d.year, 4);
    buf_put_byte(b, '-');
    put_digits(b, d.month, 2);
}

bool demur_epoch_parse(struct span text, uint32_t *out)
{
    if (text.len != 7 || text.p[4] != '-')
        return false;
    int32_t year = digits_at(text.p, 4), month = digits_at(text.p + 5, 2);
    if (year < 1 || month < 1 || month > 12)
        return false;
    *out = (uint32_t)(year * 12 + month - 1);
    return true;
}
