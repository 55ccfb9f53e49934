import { isAgeRecipient, recipientOf } from "../../config/age-key";
import { calendarFault, calendarOfCron } from "../../config/calendar";
import { credentialIn, isCredential, isCredentialName, isOptionValue } from "../../config/credentials";
import { ignoredIn } from "../../config/ignored-files";
import { urlIn } from "../../config/urls";
import { IDENTITY, RECIPIENT } from "./config-wrong";

describe("a key of age", () => {
  it("has its other half derived as age-keygen does", () => {
    expect(recipientOf(IDENTITY)).toBe(RECIPIENT);
    // Of age's own test kit.
    const identity = `AGE-SECRET-KEY-${"1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX"}`;
    expect(recipientOf(identity)).toBe("age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj");
  });

  it("is none with one wrong character", () => {
    for (const at of [5, 30, 61]) {
      const wrong = RECIPIENT[at] === "q" ? "p" : "q";
      expect(isAgeRecipient(`${RECIPIENT.slice(0, at)}${wrong}${RECIPIENT.slice(at + 1)}`)).toBe(false);
    }
    expect([isAgeRecipient(RECIPIENT), isAgeRecipient("age1"), recipientOf(IDENTITY.toLowerCase())]).toEqual([
      true,
      false,
      undefined,
    ]);
  });
});

describe("a schedule", () => {
  const TODAY = new Date("2026-11-30T15:00:00Z");

  it.each([
    "daily",
    "*-*-* 03:40:00",
    "03:40",
    "Sun 03:40",
    "Mon..Fri,Sun *-*-* 00/6:00",
    "*-02-29",
    "*-*~1 23:59:59 UTC",
    "2190-01-01",
    "2026-12-01 03:40",
    "2026-11-29 23:59",
    "Mon *-*-1..7 04:00 Europe/Berlin",
    "weekly",
    "weekly UTC",
    "daily Europe/Berlin",
    "hourly Etc/GMT-3",
    "Mon..Fri 8..18:00",
    "*:0..30",
    "03:40:30.5",
    "*:*:0..30",
    ...["*:0/5", "5:0/20,7", "03:00:0/15", "*-*-30/1", "Mon..Mon 1:00", "Sat,Sun 1:00", "Mon,  03:00", "03:00 utc"],
    ...["03:00 Asia/Kolkata", "03:00 Etc/GMT-3", "daily America/Argentina/Buenos_Aires"],
  ])("comes: %s", (text) => expect(calendarFault(text, TODAY)).toBeUndefined());

  it.each([
    "*-02-30",
    "*-04-31 03:00",
    "2019-*-*",
    "2026-11-28 03:40",
    "2026-01..10-*",
    "*-02-30..31",
    "*-13-01",
    "25:00",
    "03:40:00:00",
    "noon",
    "* *",
    "Mon..Foo 3:00",
    "daily Europe/Nowhere",
    "*-*-* 3",
    "8.5:00",
    "8..25:00",
    "UTC",
    // As `systemd-analyze calendar` of systemd 252 has it.
    ...["*/6:00", "*:*/5", "*-*-*/2", "*/2-*-*", "*-*,3-01", "*-*-1/100", "*:0/60", "*-*-31/1", "*-*~29", "*-*~03/7"],
    ...["Fri..Mon 03:00", "Sun..Fri 03:00", "03:40 PST", "daily IST", "daily europe/berlin", "daily  UTC", "8..6:00"],
    ...["daily US/Eastern", "0..24:00", "daily Europe/BERLIN", "daily America/New_york", "daily Asia/Calcutta"],
    ...["03:00 EST"],
  ])("never comes, or is none: %s", (text) => expect(calendarFault(text, TODAY)).toBeDefined());

  it.each([
    ["0 3 * * *", "*-*-* 03:00:00"],
    ["*/15 * * * *", "*-*-* *:00/15:00"],
    ["30 4 1,15 * *", "*-*-01,15 04:30:00"],
    ["0 22 * * 1-5", "Mon..Fri *-*-* 22:00:00"],
    ["5 0 * 8 *", "*-08-* 00:05:00"],
    ["0 0 * * sun", "Sun *-*-* 00:00:00"],
    ["0 8-18 * * *", "*-*-* 08..18:00:00"],
    ["@daily", "daily"],
    ["0 3 * * 0-5", "Mon..Fri,Sun *-*-* 03:00:00"],
    ["0 3 * * 0-6", "*-*-* 03:00:00"],
    ["0 3 * * 5-1", "Mon,Fri..Sun *-*-* 03:00:00"],
    ["0 3 */2 * *", "*-*-01/2 03:00:00"],
  ])("of cron's %s is %s", (cron, calendar) => {
    expect(calendarOfCron(cron)).toBe(calendar);
    expect(calendarFault(calendar, TODAY)).toBeUndefined();
  });

  it.each(["0 0 13 * 5", "61 * * * *", "*-*-* 03:40:00", "daily", "a b c d e"])("is no cron text: %s", (text) =>
    expect(calendarOfCron(text)).toBeUndefined(),
  );
});

describe("a credential", () => {
  it.each([
    "TOKEN",
    "GH_PAT",
    "PGPASSWORD",
    "apiKey",
    "X-Api-Key",
    "Authorization",
    "AWS_SECRET_ACCESS_KEY",
    "client_secret",
  ])("is told by its name: %s", (name) => expect(isCredentialName(name)).toBe(true));
  it.each(["MAX_TOKENS", "MONKEY", "KEYBOARD", "PATH", "LEVEL", "AUTHOR", "TOKEN_LIMIT"])("is not: %s", (name) =>
    expect(isCredentialName(name)).toBe(false),
  );
  it.each([
    "https://x.example.com/?page=2",
    "${TOKEN}",
    "https://x.example.com/?token=${TOKEN}",
    "user@example.com",
    "a:b",
    "answer basic questions about the product",
    "the bearer notification service",
    "postgres://u:${PW}@h",
    "postgres://u:$PW@h",
    "Authorization: Bearer ${TOKEN}",
    "Authorization:${AUTH_HEADER}",
    "https://x.example.com/?sort_key=name&auth=oauth",
  ])("is not in a text such as %s", (text) => expect(credentialIn(text)).toBeUndefined());
});

describe("a value", () => {
  it.each([
    ["REQUIRE_AUTH", "true"],
    ["PWD", "/srv"],
    ["SORT_KEY", "created_at"],
    ["TOKEN", "${X}"],
    ["GOOGLE_APPLICATION_CREDENTIALS", "/run/secrets/google.json"],
    ["DB_PASSWORD", "./password.txt"],
    ["Authorization", "Bearer ${X}"],
  ])("is not a credential: %s=%s", (name, value) => expect(isCredential(name, value)).toBe(false));

  it.each([
    ["REQUIRE_AUTH", "hunter2"],
    ["DB_PASSWORD", "hunter"],
    ["DB_PWD", "hunter"],
    ["API_KEY", "hunter"],
    ["SORT_KEY", "q7Wd93kfLz0a"],
    ["TOKEN", "x${X}"],
    ["Authorization", "Bearer abc"],
  ])("is a credential: %s=%s", (name, value) => expect(isCredential(name, value)).toBe(true));

  it.each([
    ["--auth", "oauth"],
    ["--key", "./cert.pem"],
    ["--key", "cert.pem"],
    ["--sort-key", "name"],
    ["--token", "--verbose"],
  ])("is not a credential after an option: %s %s", (option, value) => expect(isOptionValue(option, value)).toBe(false));

  it.each([
    ["--auth", "hunter2"],
    ["--key", "q7Wd93kfLz0a"],
    ["--token", "hunter"],
  ])("is a credential after an option: %s %s", (option, value) => expect(isOptionValue(option, value)).toBe(true));
});

describe("text that holds a credential", () => {
  it.each([
    "Bearer q7Wd93kfLz0aPmX2",
    "basic dXNlcjpwYXNzd29yZA==",
    "Authorization: Bearer abc",
    "X-Api-Key: abc",
    "postgres://u:hunter2@h",
    "postgres://u:${PW}x@h",
    "https://x.example.com/?token=abc",
  ])("is recognised: %s", (text) => expect(credentialIn(text)).toBeDefined());
});

describe(".hermesignore", () => {
  it("takes brackets and backslashes literally", () => {
    const literal = ignoredIn("[ab].md\nc\\*.md\n");
    expect(["[ab].md", "c\\d.md", "a.md", "c*.md"].map((path) => literal(path, false))).toEqual([
      true,
      true,
      false,
      false,
    ]);
  });
  const ignored = ignoredIn("# mine\n\ndrafts/\n*.tmp\n!keep.tmp\n/only-here.md\nnotes/**/old.md\r\n");
  it.each(["drafts", ".idea"])("leaves out a folder: %s", (path) => expect(ignored(path, true)).toBe(true));
  it.each([
    ".DS_Store",
    "notes/._x",
    ".SOUL.md.swp",
    "SOUL.md~",
    "a/b.tmp",
    "only-here.md",
    "notes/a/b/old.md",
    ".hermesignore",
  ])("leaves out: %s", (path) => expect(ignored(path, false)).toBe(true));
  it.each(["SOUL.md", "keep.tmp", "a/only-here.md", "drafts", "notes/new.md"])("takes along: %s", (path) =>
    expect(ignored(path, false)).toBe(false),
  );
});

describe("a URL", () => {
  it("with letters of Latin-1 is one, also for the ten thousandth time", () => {
    // Node 20's URL.canParse was right until it was optimised.
    for (let time = 0; time < 10_000; time++)
      if (urlIn("https://ex\u00e4mple.com/mcp")?.host !== "xn--exmple-cua.com")
        throw new Error(`wrong the ${time}th time`);
  });
});
