// Drives the HTML matrix in Chromium; argument: the folder with matrix.html.
import { chromium } from 'playwright-core';
import assert from 'node:assert/strict';

const folder = process.argv[2];
const browser = await chromium.launch({
  executablePath: '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync']
});
let passed = 0, failed = 0;

async function check(name, options, body) {
  const page = await browser.newPage(options);
  const complaints = [];
  page.on('console', message => { if (message.type() === 'error') complaints.push(message.text()); });
  page.on('pageerror', error => complaints.push(String(error)));
  page.on('request', request => { if (!request.url().startsWith('file:') && !request.url().startsWith('blob:') && !request.url().startsWith('data:')) complaints.push('asked the network for ' + request.url()); });
  try {
    await page.goto('file://' + folder + '/matrix.html');
    await page.waitForSelector('#matrix td');
    await body(page);
    assert.deepEqual(complaints, []);
    ++passed;
  } catch (problem) {
    ++failed;
    console.log('FAILED ' + name + ': ' + problem.message);
  }
  await page.close();
}

const rows = page => page.locator('#matrix tbody tr:not(.group)').count();
const wide = { viewport: { width: 1300, height: 900 } };

await check('shows every case and the scores', wide, async page => {
  const [, shown, all] = (await page.locator('#count').innerText()).match(/(\d+) of (\d+)/);
  assert.equal(shown, all);
  assert.equal(await rows(page), Number(all));
  assert.equal(await page.locator('#scores tbody tr').count(), 5);
  // One denominator for all subjects.
  const totals = await page.locator('#scores tr.total').first().locator('td').allInnerTexts();
  assert.deepEqual([...new Set(totals.map(text => text.split('/')[1]))], [all]);
  await page.screenshot({ path: folder + '/wide.png' });
});
await check('filters by text, group and outcome', wide, async page => {
  const all = await rows(page);
  await page.fill('#text', 'exdev');
  const some = await rows(page);
  assert.ok(some > 0 && some < all);
  await page.fill('#text', '');
  await page.selectOption('#group', 'reads');
  assert.equal(await page.locator('#matrix tr.group').count(), 1);
  await page.selectOption('#group', '');
  await page.selectOption('#outcome', 'deviating');
  assert.ok(await rows(page) < all);
});
await check('finds where two subjects differ', wide, async page => {
  await page.selectOption('#differs-a', 'kernel');
  await page.selectOption('#differs-b', 'plain');
  const differing = await rows(page);
  assert.ok(differing > 0);
  await page.reload();
  await page.waitForSelector('#matrix td');
  assert.equal(await rows(page), differing, 'the address keeps the filters');
});
await check('opens a cell, links to it, and goes back', wide, async page => {
  await page.selectOption('#outcome', 'deviating');
  await page.locator('#matrix td.fail').first().click();
  await page.waitForSelector('dialog[open] .deviation');
  assert.match(page.url(), /case=.*subject=plain/);
  await page.goBack();
  assert.equal(await page.locator('dialog[open]').count(), 0);
  await page.goForward();
  await page.waitForSelector('dialog[open]');
  await page.keyboard.press('Escape');
  assert.equal(await page.locator('dialog[open]').count(), 0);
  assert.doesNotMatch(page.url(), /case=/);
});
await check('opens at a permalink', wide, async page => {
  await page.goto('file://' + folder + '/matrix.html#case=rename%2Fdirectory-is-exdev%5Bdefault%2Clower%5D&subject=plain');
  await page.reload();
  await page.waitForSelector('dialog[open]');
  assert.match(await page.locator('#detail-title').innerText(), /directory-is-exdev/);
  await page.screenshot({ path: folder + '/detail.png' });
});
await check('is used by keyboard alone', wide, async page => {
  await page.keyboard.press('/');
  assert.equal(await page.evaluate(() => document.activeElement.id), 'text');
  await page.locator('#matrix td[tabindex="0"]').focus();
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('ArrowDown');
  const label = await page.evaluate(() => document.activeElement.getAttribute('aria-label'));
  assert.match(label, /on userlay/);
  await page.keyboard.press('Enter');
  await page.waitForSelector('dialog[open]');
});
await check('sorts groups by a score', wide, async page => {
  await page.locator('#scores thead button', { hasText: 'plain' }).click();
  assert.equal(await page.locator('#scores th[aria-sort]').count(), 1);
});
await check('fits a phone and the dark', { viewport: { width: 390, height: 800 }, colorScheme: 'dark' }, async page => {
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth), 'no sideways scrolling of the page');
  await page.screenshot({ path: folder + '/phone.png' });
});

await browser.close();
console.log(`html: ${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
