// The dashboard in a real browser: node check.cjs URL RUN [FOLDER FOR SCREENSHOTS]
//
// URL has the token, RUN is under way. Everything that is wrong is printed, and the exit status is 1.

const fs = require("node:fs");
const path = require("node:path");
const { chromium } = require("playwright-core");
const { crowd, two } = require("./crowd.cjs");

const [url, run, folder] = process.argv.slice(2);
const PATIENCE = 30_000;
const faults = [];
const expect = (holds, what) => { if (!holds) faults.push(what); };

/** A page whose every complaint is a fault. */
async function open(browser, options, what) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE);
  page.on("pageerror", (error) => faults.push(`${what}: ${error}`));
  page.on("console", (line) => {
    // A refusal that is asked for below is complained of by the browser itself.
    const own = line.text().includes("409 (Conflict)");
    if (["error", "warning"].includes(line.type()) && !own) faults.push(`${what}: ${line.text()}`);
  });
  return page;
}

async function shoot(page, name, fullPage = true) {
  if (folder) await page.screenshot({ path: path.join(folder, `${name}.png`), fullPage });
}

const elements = (page) => page.evaluate(() => document.querySelectorAll("*").length);
const text = (page, id) => page.locator(`#${id}`).textContent();
const fits = (page) => page.evaluate(() => document.documentElement.scrollWidth <= innerWidth);

/** A run that finishes rounds faster than anybody can look. */
async function watching(browser) {
  const page = await open(browser, {}, "live");
  await page.goto(url);
  await page.locator(`#runs tr[aria-current=true] button:text-is("${run}")`).waitFor();
  await page.waitForFunction(() => document.querySelector("#figure-accuracy").textContent !== "–");
  expect(!page.url().includes("token"), `the token stays in the address: ${page.url()}`);
  expect((await text(page, "link")) === "live", "the link is not live");
  expect((await page.locator("#accuracy-chart path.curve").count()) === 2, "no curve of the accuracy");
  const before = await elements(page);
  const round = await text(page, "figure-round");
  await page.waitForTimeout(4000);
  expect((await text(page, "figure-round")) !== round, "no rounds are told");
  const after = await elements(page);
  // Ticks of axes and rows of attempts that did not count come and go.
  expect(after < before + 1200 && after < 5000, `the page grew from ${before} to ${after} elements`);
  await page.locator("#accuracy-chart > svg").press("ArrowLeft");
  expect(/^round [\d,]+$/.test(await page.locator("#accuracy-chart .at").textContent()), "arrow keys do not move through the rounds");
  await page.locator("#nodes th button[data-by=completed]").click();
  expect((await page.locator("#nodes th[aria-sort=descending]").count()) === 1, "no column is sorted");
  await shoot(page, "live");

  await page.locator("#cancel").click();
  await page.locator("#confirm button[value=no]").click();
  expect((await text(page, "run-state")) === "running", "kept running, and yet it does not");
  await page.locator("#cancel").click();
  await page.locator("#confirm button[value=yes]").click();
  await page.locator("#run-state[data-state=cancelled]").waitFor();
  expect(await page.locator("#cancel").isHidden(), "an ended run can be cancelled");
  await page.reload();
  await page.locator(`#runs button:text-is("${run}")`).waitFor();
  expect((await text(page, "link")) === "live", "no link after a reload");
  await page.context().close();
}

/** 200 nodes, 1,000 rounds, foreign text that looks like markup, all at once. */
async function crowded(browser, options, name) {
  const page = await open(browser, options, name);
  const posted = [];
  await page.route("**/events?*", (route) => route.fulfill({ contentType: "text/event-stream", body: crowd() }));
  await page.route("**/runs/**", (route) => {
    posted.push([route.request().method(), new URL(route.request().url()).pathname, route.request().headers().authorization]);
    return route.fulfill({ status: 409, contentType: "text/plain", body: "no <b>node</b> is up" });
  });
  await page.goto(url);
  await page.locator("#figure-round", { hasText: "1,000" }).waitFor();
  await page.waitForFunction(() => document.querySelectorAll("#nodes tbody tr").length === 200);
  expect((await page.locator("main img, main b:not(figcaption b), main script").count()) === 0, "foreign text became markup");
  expect((await page.locator("#nodes td", { hasText: "<img src=x onerror=alert(1)>" }).count()) > 0, "foreign text is not shown");
  await page.locator("#nodes td", { hasText: /\(2[6-9] s ago\)/ }).first().waitFor();
  const many = await elements(page);
  expect(many < 8000, `${many} elements`);
  expect(await fits(page), "the page is wider than its window");
  await page.locator("#uncounted summary").click();
  await page.locator("#resume").click();
  await page.locator("#trouble:not([hidden])").waitFor();
  expect((await text(page, "trouble")).includes("no <b>node</b> is up"), "a refusal is not told");
  const token = new URL(url).searchParams.get("token");
  expect(JSON.stringify(posted) === JSON.stringify([["POST", "/runs/stopped/resume", `Bearer ${token}`]]), `posted: ${JSON.stringify(posted)}`);
  await shoot(page, name, name !== "crowd");
  await page.context().close();
}

/** A run that ends and is taken off the charts while somebody looks: what is done is done to the run that was meant. */
async function changing(browser) {
  const page = await open(browser, {}, "changing");
  const [posted, asked] = [[], []];
  let first = "running";
  await page.route("**/events?*", (route) => {
    asked.push(new URL(route.request().url()).searchParams.get("runs"));
    return route.fulfill({ contentType: "text/event-stream", body: two(first) });
  });
  await page.route("**/runs/**", (route) => {
    posted.push(new URL(route.request().url()).pathname);
    return route.fulfill({ status: 200, body: "" });
  });
  await page.goto(url);
  await page.locator("#cancel:not([hidden])").click();
  first = "succeeded";
  await page.locator("#run-name", { hasText: "second" }).waitFor();
  expect((await text(page, "confirm-run")) === "first", "the dialog names another run");
  await page.locator("#confirm button[value=yes]").click();
  await page.waitForFunction(() => !document.querySelector("#confirm").open);
  expect(JSON.stringify(posted) === JSON.stringify(["/runs/first/cancel"]), `posted: ${JSON.stringify(posted)}`);

  const tick = page.locator("#runs input[aria-label='Compare run first in the charts']");
  await tick.check();
  await tick.uncheck();
  // What the old stream says of it meanwhile is not kept.
  const until = asked.length + 2;
  while (asked.length < until) await page.waitForTimeout(50);
  const before = asked.length;
  await tick.check();
  await page.waitForTimeout(500);
  expect(asked.slice(before).includes("second,first"), `a run that is shown again is not asked for: ${asked.slice(before)}`);
  await page.context().close();
}

/** Somebody without the token, and a coordinator that goes away. */
async function looking(browser) {
  const page = await open(browser, { colorScheme: "dark" }, "looking");
  await page.route("**/events?*", (route) => route.fulfill({ contentType: "text/event-stream", body: crowd() }));
  await page.goto(new URL("/", url).href);
  await page.locator("#why-not:not([hidden])").waitFor();
  expect(await page.locator("#resume").isDisabled(), "without a token a button works");
  await page.locator("#link[data-link=lost]").waitFor();
  await shoot(page, "dark", false);
  await page.context().close();
}

(async () => {
  if (folder) fs.mkdirSync(folder, { recursive: true });
  const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
  const browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu"] });
  try {
    await watching(browser);
    await crowded(browser, {}, "crowd");
    await crowded(browser, { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true }, "phone");
    await changing(browser);
    await looking(browser);
  } catch (error) {
    faults.push(String(error));
  }
  await browser.close();
  for (const fault of faults) console.log(fault);
  process.exit(faults.length ? 1 : 0);
})();
