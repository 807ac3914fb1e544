// usage: node shot.tmp.mjs path name [width] [height] [dark]
import { chromium } from 'playwright-core';
import { readFileSync, existsSync, writeFileSync } from 'node:fs';
const [,, path, name, width='1440', height='900', ...flags] = process.argv;
const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] });
const ctx = await browser.newContext({ viewport: { width: +width, height: +height }, colorScheme: flags.includes('dark') ? 'dark':'light', storageState: existsSync('/tmp/state.json') ? '/tmp/state.json' : undefined });
const page = await ctx.newPage();
page.on('console', m => { if (m.type()==='error'||m.type()==='warning') console.log('console', m.text().slice(0,400)); });
page.on('pageerror', e => console.log('pageerror', e.message));
const base='http://127.0.0.1:4801';
let r = await page.goto(base+path);
if (r.status()===401) { const link=[...readFileSync('/tmp/serve.log','utf8').matchAll(/http:\/\/\S+/g)].at(-1)[0]; await page.goto(link); await ctx.storageState({path:'/tmp/state.json'}); await page.goto(base+path); }
await page.waitForLoadState('load'); await page.waitForTimeout(1800);
for (const f of flags) if (f.startsWith('click=')) { await page.click(f.slice(6)); await page.waitForTimeout(900); } else if (f.startsWith('keys=')) { for (const k of f.slice(5).split(',')) { await page.keyboard.press(k); await page.waitForTimeout(250);} await page.waitForTimeout(600);} else if (f.startsWith('eval=')) console.log(JSON.stringify(await page.evaluate(f.slice(5))));
await page.waitForTimeout(700); const over = await page.evaluate(() => ({ sw: document.documentElement.scrollWidth, cw: document.documentElement.clientWidth }));
if (over.sw>over.cw) console.log('OVERFLOW', over, await page.evaluate(()=>[...document.querySelectorAll('body *')].filter(e=>e.getBoundingClientRect().right>document.documentElement.clientWidth+1 && !e.closest('.scroll,.list,.matrix')).slice(0,5).map(e=>e.tagName+'.'+e.className+' '+(e.textContent||'').slice(0,40))));
await page.screenshot({ path: `/tmp/shots/${name}.png`, fullPage: flags.includes('full') });
await browser.close();
