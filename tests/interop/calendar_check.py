"""Compares demur's calendars with Python's datetime and zoneinfo, 2000 to 2040.

    calendar_check.py TOOL POLICIES-FOLDER

The holidays are worked out here from the statutes, not from the calendar files;
the time zones come from the system's zone data. Prints ok, FAIL and skip lines.
"""

import random
import subprocess
import sys
from datetime import date, datetime, time, timedelta, timezone
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

HOURS, DAYS, WORKING_DAYS, WEEKS, MONTHS, YEARS = range(6)
PLAIN, EVENT_DAY, RECEIVED, NEXT, PREVIOUS, EU_1182_71 = range(6)
DAY = timedelta(days=1)
SATURDAY = 5


def nth(year, month, weekday, n):
    first = date(year, month, 1)
    return first + timedelta(days=(weekday - first.weekday()) % 7 + 7 * (n - 1))


def last(year, month, weekday):
    end = (date(year, month, 28) + 4 * DAY).replace(day=1) - DAY
    return end - timedelta(days=(end.weekday() - weekday) % 7)


def observed(day):
    if day.weekday() == SATURDAY:
        return day - DAY
    return day + DAY if day.weekday() == SATURDAY + 1 else day


def us_holidays(year):
    fixed = [(1, 1), (7, 4), (11, 11), (12, 25)] + ([(6, 19)] if year >= 2021 else [])
    days = {observed(date(year, month, day)) for month, day in fixed}
    days |= {nth(year, 1, 0, 3), nth(year, 2, 0, 3), nth(year, 9, 0, 1), nth(year, 10, 0, 2)}
    return days | {nth(year, 11, 3, 4), last(year, 5, 0)}


def easter(year):
    """Gauss, with Lilius's two exceptions."""
    a, century = year % 19, year // 100
    p = (13 + 8 * century) // 25
    m = (15 - p + century - century // 4) % 30
    d = (19 * a + m) % 30
    e = (2 * (year % 4) + 4 * (year % 7) + 6 * d + (4 + century - century // 4) % 7) % 7
    day = date(year, 3, 22) + timedelta(days=d + e)
    if (d == 29 and e == 6) or (d == 28 and e == 6 and (11 * m + 11) % 30 < 19):
        day -= timedelta(days=7)
    return day


def eu_holidays(year):
    return {date(year, 1, 1), easter(year) + DAY, date(year, 5, 1), date(year, 12, 25),
            date(year, 12, 26)}


class Calendar:
    def __init__(self, name, zone, holidays):
        self.name, self.zone, self.rule = name, ZoneInfo(zone), holidays
        self.holidays = set().union(*(holidays(year) for year in range(1999, 2102)))

    def worked(self, day):
        return day.weekday() < SATURDAY and day not in self.holidays

    def midnight(self, day):
        return int(datetime.combine(day, time(0), self.zone).timestamp())

    def offset(self, seconds):
        utc = datetime.fromtimestamp(seconds, timezone.utc)
        return int(utc.astimezone(self.zone).utcoffset().total_seconds())

    def next_worked(self, day):
        while not self.worked(day):
            day += DAY
        return day

    def due(self, seconds, count, unit, rule):
        event = datetime.fromtimestamp(seconds, self.zone).date()
        received = self.next_worked(event) if rule == RECEIVED else event
        if unit == HOURS:
            start = seconds if received == event else self.midnight(received)
            return start + count * 3600
        first = received if rule == EVENT_DAY else received + DAY
        if unit == WORKING_DAYS:
            end = self.next_worked(first)
            for _ in range(count - 1):
                end = self.next_worked(end + DAY)
        elif unit in (DAYS, WEEKS):
            end = first + timedelta(days=count * (7 if unit == WEEKS else 1) - 1)
        else:
            months = received.year * 12 + received.month - 1
            months += count * (12 if unit == YEARS else 1)
            month = date(months // 12, months % 12 + 1, 1)
            last_of_month = (month + 31 * DAY).replace(day=1) - DAY
            end = month.replace(day=min(received.day, last_of_month.day))
            end -= DAY if rule == EVENT_DAY else 0 * DAY
        if rule == EU_1182_71 and (count >= 2 or unit not in (DAYS, WORKING_DAYS)):
            end = max(end, self.next_worked(self.next_worked(first) + DAY))
        if rule in (NEXT, EU_1182_71):
            end = self.next_worked(end)
        while rule == PREVIOUS and end > first and not self.worked(end):
            end -= DAY
        return self.midnight(end + DAY) - 1


def ask(tool, files, name, questions):
    run = subprocess.run([tool, name, *files], input="\n".join(questions) + "\n",
                         capture_output=True, text=True, check=False)
    answers = run.stdout.split()
    if run.returncode != 0 or len(answers) != len(questions):
        sys.exit(f"FAIL {name}: the tool ended with status {run.returncode}: {run.stderr}")
    return [int(answer) for answer in answers]


def compare(what, questions, got, want):
    wrong = [(q, g, w) for q, g, w in zip(questions, got, want) if g != w]
    for question, g, w in wrong[:5]:
        print(f"  {question}: demur says {g}, Python {w}")
    print(f"{'FAIL' if wrong else 'ok'} {what}, {len(questions)} asked, {len(wrong)} wrong")
    return bool(wrong)


def check(calendar, tool, files):
    seed = random.Random(1971)
    start, end = date(2000, 1, 1), date(2040, 12, 31)
    days = [start + timedelta(days=i) for i in range((end - start).days + 1)]
    times = [int(datetime(2000, 1, 1, tzinfo=timezone.utc).timestamp()) + 1800 * i - 1
             for i in range(0, 41 * 365 * 48, 7)]
    for day in days:
        if calendar.midnight(day + DAY) - calendar.midnight(day) != 86400:
            times += range(calendar.midnight(day) - 3600, calendar.midnight(day + DAY), 900)
    asked = [(f"offset {t}", calendar.offset(t)) for t in times]
    failed = compare_all(f"{calendar.name}: offsets", asked, tool, files, calendar)
    asked = [(f"day {d}", int(calendar.worked(d))) for d in days]
    failed |= compare_all(f"{calendar.name}: working days", asked, tool, files, calendar)
    asked = [(f"midnight {d}", calendar.midnight(d)) for d in days]
    failed |= compare_all(f"{calendar.name}: midnights", asked, tool, files, calendar)
    for rule, title in enumerate(("plain", "event day counts", "received on a working day",
                                  "ends on the next working day", "on the one before",
                                  "Regulation 1182/71")):
        asked = []
        for _ in range(6000):
            t, unit = seed.randrange(times[0], 2_200_000_000), seed.randrange(6)
            n = seed.randrange(1, (500, 400, 130, 60, 40, 4)[unit])
            asked.append((f"due {t} {n} {unit} {rule}", calendar.due(t, n, unit, rule)))
        failed |= compare_all(f"{calendar.name}: due, {title}", asked, tool, files, calendar)
    return failed


def compare_all(what, asked, tool, files, calendar):
    questions = [q for q, _ in asked]
    got = ask(tool, files, calendar.name, questions)
    return compare(what, questions, got, [w for _, w in asked])


def main():
    tool, folder = sys.argv[1:]
    files = [f"{folder}/us-federal.calendar", f"{folder}/eu-weekdays.calendar"]
    failed = False
    for name, zone, holidays in (("us-federal", "America/New_York", us_holidays),
                                 ("eu-weekdays", "Europe/Brussels", eu_holidays)):
        try:
            calendar = Calendar(name, zone, holidays)
        except ZoneInfoNotFoundError:
            print(f"skip {name}: no zone data for {zone}")
            continue
        failed |= check(calendar, tool, files)
    return failed


if __name__ == "__main__":
    sys.exit(main())
