// Pictures of the page, to be looked at: node pictures.mjs PAGE.html DIRECTORY [#address]
// $SECONDS_OF_TRAINING says for how long it trains before.
import {mkdirSync} from 'node:fs';
import {pathToFileURL} from 'node:url';
import {Browser} from './chromium.mjs';

const [file, directory, address = ''] = process.argv.slice(2);
mkdirSync(directory, {recursive: true});
const browser = new Browser(process.env.CHROMIUM ?? '/usr/bin/chromium');
for (const phone of [false, true])
  for (const dark of [false, true]) {
    const page = await browser.page(pathToFileURL(file).href + address,
      phone ? {width: 390, height: 844, phone, dark} : {width: 1400, height: 900, dark});
    await page.run(`document.getElementById('train').click()`);
    await new Promise(resolve => setTimeout(resolve, 1000 * (process.env.SECONDS_OF_TRAINING ?? 4)));
    await page.run(`document.getElementById('train').click(); document.getElementById('tape-load').click()`);
    await page.until('lab.idle', 'all is drawn');
    const name = `${directory}/${phone ? 'phone' : 'desktop'}_${dark ? 'dark' : 'light'}`;
    await page.picture(`${name}.png`);
    await page.picture(`${name}_whole.png`, true);
    console.log(name, JSON.stringify(await page.run('lab.progress')));
    if (page.errors.length) console.log(name, page.errors);
    await page.close();
  }
await browser.close();
