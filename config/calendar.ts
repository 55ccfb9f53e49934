// systemd's calendar events (systemd.time(7)), read as far as a schedule needs them, and cron's five fields.

import { zones } from "./time-zones.json";

const SHORTHANDS: Readonly<Record<string, string>> = {
  minutely: "*-*-* *:*:00",
  hourly: "*-*-* *:00:00",
  daily: "*-*-* 00:00:00",
  weekly: "Mon *-*-* 00:00:00",
  monthly: "*-*-01 00:00:00",
  quarterly: "*-01,04,07,10-01 00:00:00",
  semiannually: "*-01,07-01 00:00:00",
  "semi-annually": "*-01,07-01 00:00:00",
  biannually: "*-01,07-01 00:00:00",
  yearly: "*-01-01 00:00:00",
  annually: "*-01-01 00:00:00",
};

const WEEKDAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
const FULL_WEEKDAYS = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
const MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/** An event with a time zone after it; systemd takes one blank there. */
const ZONED = /^(.*\S) ([A-Za-z]{2,5}|[A-Za-z_]+(?:\/[A-Za-z0-9_+-]+)+)$/;

type Test = (value: number) => boolean;

interface DateTest {
  year: Test;
  month: Test;
  day: Test;
  /** Days are counted from the month's end. */
  fromEnd: boolean;
}

/** Why a text is no calendar event that ever comes; undefined where it is one. No day before `today` counts. */
export function calendarFault(text: string, today: Date): string | undefined {
  const [, event = text, zone] = ZONED.exec(text) ?? [];
  if (zone !== undefined && !isTimeZone(zone)) return `${zone} is not a time zone`;
  const words = (SHORTHANDS[event.toLowerCase()] ?? event).split(/ +/);
  const weekday = /^[A-Za-z]/.test(words[0] ?? "") ? weekdayTest(words.shift() ?? "") : always;
  const date = words[0]?.includes(":") === true || words.length === 0 ? everyDay : dateTest(words.shift() ?? "");
  const time = words.length === 0 || isTime(words.shift() ?? "");
  if (weekday === undefined || date === undefined || !time || words.length > 0)
    return "systemd cannot read it as a calendar event";
  return elapses(date, weekday, dayOf(today)) ? undefined : "that day never comes";
}

const always: Test = () => true;
const everyDay: DateTest = { year: always, month: always, day: always, fromEnd: false };

/** Names that every Debian has: systemd looks for a file of that name, letter by letter. Older names are in another package. */
const isTimeZone = (zone: string): boolean =>
  /^utc$/i.test(zone) || /^Etc\/(UTC|GMT([+-]\d{1,2})?)$/.test(zone) || zones.includes(zone);

/** Monday is the first day: systemd takes no range that begins later than it ends. */
function weekdayTest(text: string): Test | undefined {
  const number = (name: string): number => Math.max(WEEKDAYS.indexOf(name), FULL_WEEKDAYS.indexOf(name));
  const days = new Set<number>();
  for (const part of text.toLowerCase().replace(/,$/, "").split(",")) {
    const [first = "", last = first] = part.split(/\.\.|-/);
    const [from, to] = [number(first), number(last)];
    if (from < 0 || to < from) return undefined;
    for (let day = from; day <= to; day++) days.add(day);
  }
  return (day) => days.has(day);
}

function dateTest(text: string): DateTest | undefined {
  const [, year = "*", month = "", mark, day = ""] = /^(?:([^-~]+)-)?([^-~]+)([-~])([^-~]+)$/.exec(text) ?? [];
  const fromEnd = mark === "~";
  const tests = [numbers(year, 1970, 2199), numbers(month, 1, 12), numbers(day, 1, fromEnd ? 28 : 31, fromEnd)];
  const [years, months, days] = tests;
  if (years === undefined || months === undefined || days === undefined) return undefined;
  return { year: years, month: months, day: days, fromEnd };
}

function isTime(text: string): boolean {
  const parts = text.split(":");
  if (parts.length < 2 || parts.length > 3) return false;
  const [hour = "", minute = "", second = "0"] = parts;
  // Only seconds may have a fraction.
  const tests = [numbers(hour, 0, 23), numbers(minute, 0, 59), numbers(second.replace(/(?<=\d)\.\d+/g, ""), 0, 59)];
  return !tests.includes(undefined);
}

/**
 * `*`, or a list of `3`, `1..5`, `0/15` and `1..10/3`. A step has to lead to another number of the component.
 *
 * @param down steps lead to smaller numbers, as those of days counted from the month's end
 */
function numbers(text: string, min: number, max: number, down = false): Test | undefined {
  if (text === "*") return always;
  const tests: Test[] = [];
  for (const part of text.split(",")) {
    const [, from = "", to, step] = /^(\d{1,4})(?:\.\.(\d{1,4}))?(?:\/(\d{1,4}))?$/.exec(part) ?? [];
    if (from === "") return undefined;
    const first = Number(from);
    const every = step === undefined ? 1 : Number(step);
    const last = to !== undefined ? Number(to) : step === undefined ? first : down ? min : max;
    if (first < min || first > max || last > max || last < min || every < 1) return undefined;
    if (to !== undefined ? first > last : step !== undefined && Math.abs(last - first) < every) return undefined;
    const [low, high] = first <= last ? [first, last] : [last, first];
    tests.push((value) => value >= low && value <= high && (value - first) % every === 0);
  }
  return (value) => tests.some((test) => test(value));
}

/** Weekdays and leap days repeat after 28 years, but for the turn of some centuries. */
const YEARS = 41;

/** A day earlier than in UTC: there are time zones where it is still yesterday. */
const dayOf = (time: Date): Date => new Date(Math.floor(time.getTime() / DAY_MS - 1) * DAY_MS);
const DAY_MS = 86_400_000;

function elapses({ year, month, day, fromEnd }: DateTest, weekday: Test, first: Date): boolean {
  const firstYear = first.getUTCFullYear();
  const years = Array.from({ length: 2200 - firstYear }, (_, i) => firstYear + i).filter(year);
  for (const each of years.slice(0, YEARS))
    for (let m = 1; m <= 12; m++) {
      if (!month(m)) continue;
      const length = new Date(Date.UTC(each, m, 0)).getUTCDate();
      for (let d = 1; d <= length; d++) {
        const date = new Date(Date.UTC(each, m - 1, d));
        if (date >= first && day(fromEnd ? length - d + 1 : d) && weekday((date.getUTCDay() + 6) % 7)) return true;
      }
    }
  return false;
}

/** A cron expression or nickname as a calendar event; undefined if it is neither, or has no equivalent. */
export function calendarOfCron(text: string): string | undefined {
  const nickname = /^@(hourly|daily|midnight|weekly|monthly|yearly|annually)$/i.exec(text.trim())?.[1]?.toLowerCase();
  if (nickname !== undefined) return nickname === "midnight" ? "daily" : nickname;
  const fields = text.trim().split(/\s+/);
  if (fields.length !== 5 || !fields.every((field) => /^[\w*,/-]+$/.test(field))) return undefined;
  const [minute = "", hour = "", day = "", month = "", weekday = ""] = fields;
  // cron takes either of the two where both are given, which one calendar event cannot say.
  if (day !== "*" && weekday !== "*") return undefined;
  const [min, hours, days, months] = [ofCron(minute), ofCron(hour), ofCron(day, "01"), ofCron(month, "01", MONTHS)];
  const names = weekday === "*" ? "" : weekdaysOfCron(weekday);
  if (min === undefined || hours === undefined || days === undefined || months === undefined || names === undefined)
    return undefined;
  const event = `${names === "" ? "" : `${names} `}*-${months}-${days} ${hours}:${min}:00`;
  return calendarFault(event, new Date()) === undefined ? event : undefined;
}

/** @param first number that a step of `*` begins at: 00 of minutes and hours, 01 of days and months */
function ofCron(field: string, first = "00", names: readonly string[] = []): string | undefined {
  const parts = field.split(",").map((part) => {
    const number = (text: string): string => {
      const place = names.indexOf(text.toLowerCase());
      return place < 0 ? text.padStart(2, "0") : String(place + 1).padStart(2, "0");
    };
    const [, from = "", to, step] = /^(\*|\w+)(?:-(\w+))?(?:\/(\d+))?$/.exec(part) ?? [];
    if (from === "") return undefined;
    const base = from === "*" ? (step === undefined ? "*" : first) : number(from);
    return `${base}${to === undefined ? "" : `..${number(to)}`}${step === undefined ? "" : `/${step}`}`;
  });
  return parts.includes(undefined) ? undefined : parts.join(",");
}

/** Sunday is the first day of cron's week, and the last one of systemd's: a range over it is written as its days. */
function weekdaysOfCron(field: string): string | undefined {
  const place = (text: string): number =>
    /^[0-7]$/.test(text) ? (Number(text) + 6) % 7 : WEEKDAYS.indexOf(text.toLowerCase());
  const days = new Set<number>();
  for (const part of field.split(",")) {
    const [from = "", to = from] = part.split("-");
    const [first, last] = [place(from), place(to)];
    if (first < 0 || last < 0) return undefined;
    for (let day = first; ; day = (day + 1) % 7) {
      days.add(day);
      if (day === last) break;
    }
  }
  return days.size === 7 ? "" : weekdayText([...days].sort((a, b) => a - b));
}

/** `Mon..Wed,Fri` */
function weekdayText(days: readonly number[]): string {
  const name = (day = 0): string => (WEEKDAYS[day] ?? "").replace(/^./, (letter) => letter.toUpperCase());
  const runs: number[][] = [];
  for (const day of days) {
    const run = runs.at(-1);
    if (run !== undefined && run.at(-1) === day - 1) run.push(day);
    else runs.push([day]);
  }
  return runs
    .map((run) => (run.length > 2 ? `${name(run[0])}..${name(run.at(-1))}` : run.map(name).join(",")))
    .join(",");
}
