// A headless Chromium, driven over its debugging pipe: no driver, no network.
//
// The protocol: JSON messages, each ended by a zero byte, written to the browser's file 3 and read
// from its file 4 (https://chromedevtools.github.io/devtools-protocol).
import {spawn} from 'node:child_process';
import {mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';

export class Browser {
  constructor(program) {
    this.profile = mkdtempSync(join(tmpdir(), 'gradflow-browser-'));
    this.process = spawn(program, ['--headless=new', '--no-sandbox', '--disable-gpu', '--remote-debugging-pipe',
      '--disable-background-networking', '--no-first-run', `--user-data-dir=${this.profile}`, 'about:blank'],
      {stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe']});
    Object.assign(this, {next: 1, waiting: new Map(), listeners: [], rest: ''});
    this.process.stdio[4].setEncoding('utf8').on('data', text => this.read(text));
    this.process.on('exit', code => {
      for (const {reject} of this.waiting.values()) reject(new Error(`the browser ended (${code})`));
    });
  }
  read(text) {
    const parts = (this.rest + text).split('\0');
    this.rest = parts.pop();
    for (const message of parts.map(part => JSON.parse(part))) {
      const waiting = this.waiting.get(message.id);
      if (!waiting) { this.listeners.forEach(listener => listener(message)); continue; }
      this.waiting.delete(message.id);
      if (message.error) waiting.reject(new Error(message.error.message));
      else waiting.resolve(message.result);
    }
  }
  send(method, params = {}, sessionId = undefined) {
    const id = this.next++;
    this.process.stdio[3].write(JSON.stringify({id, method, params, sessionId}) + '\0');
    return new Promise((resolve, reject) => this.waiting.set(id, {resolve, reject}));
  }
  async page(url, look) {
    const {targetId} = await this.send('Target.createTarget', {url: 'about:blank'});
    const {sessionId} = await this.send('Target.attachToTarget', {targetId, flatten: true});
    const page = new Page(this, sessionId, targetId);
    await page.begin(url, look);
    return page;
  }
  async close() {
    const ended = new Promise(resolve => this.process.once('exit', resolve));
    this.send('Browser.close').catch(() => {});
    await ended;
    rmSync(this.profile, {recursive: true, force: true, maxRetries: 5});
  }
}

export class Page {
  constructor(browser, session, target) { Object.assign(this, {browser, session, target, errors: []}); }
  send(method, params) { return this.browser.send(method, params, this.session); }
  async begin(url, {width = 1400, height = 900, dark = false, phone = false} = {}) {
    this.browser.listeners.push(({method, params, sessionId}) => {
      if (sessionId !== this.session) return;
      if (method === 'Runtime.exceptionThrown')
        this.errors.push(params.exceptionDetails.exception?.description ?? params.exceptionDetails.text);
      if (method === 'Runtime.consoleAPICalled' && params.type === 'error')
        this.errors.push(params.args.map(arg => arg.value ?? arg.description).join(' '));
      if (method === 'Log.entryAdded' && params.entry.level === 'error') this.errors.push(params.entry.text);
    });
    for (const domain of ['Runtime', 'Log', 'Page']) await this.send(`${domain}.enable`);
    await this.send('Emulation.setDeviceMetricsOverride', {width, height, deviceScaleFactor: phone ? 2 : 1, mobile: phone});
    await this.send('Emulation.setEmulatedMedia', {features: [{name: 'prefers-color-scheme', value: dark ? 'dark' : 'light'}]});
    await this.go(url);
  }
  async go(url) {
    await this.send('Page.navigate', {url: 'about:blank'});
    await this.send('Page.navigate', {url});
    await this.until('document.documentElement?.dataset.ready === "yes"', 'the page is ready');
  }
  // The value of an expression, of which a promise is waited for.
  async run(expression) {
    const {result, exceptionDetails} = await this.send('Runtime.evaluate', {expression, awaitPromise: true, returnByValue: true});
    if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
    return result.value;
  }
  async until(expression, what, seconds = 30) {
    for (const end = Date.now() + 1000 * seconds; Date.now() < end;) {
      if (await this.run(expression).catch(() => false)) return;
      await new Promise(resolve => setTimeout(resolve, 50));
    }
    throw new Error([`waited ${seconds} s, but not so: ${what}`, ...this.errors].join('\n  '));
  }
  mouse(type, x, y) {
    return this.send('Input.dispatchMouseEvent', {type, x, y, button: 'left', buttons: type === 'mouseReleased' ? 0 : 1, clickCount: 1});
  }
  // Presses at the first of these places in the element, from 0 to 1 each way, moves along the others.
  async drag(id, places) {
    const box = await this.run(`(() => { const e = document.getElementById('${id}'); e.scrollIntoView({block: 'center'});
      const b = e.getBoundingClientRect(); return [b.x, b.y, b.width, b.height]; })()`);
    const at = ([x, y]) => [box[0] + x * box[2], box[1] + y * box[3]];
    await this.mouse('mousePressed', ...at(places[0]));
    for (const place of places.slice(1)) await this.mouse('mouseMoved', ...at(place));
    await this.mouse('mouseReleased', ...at(places.at(-1)));
  }
  // As if a reader had chosen this file in the field.
  async choose_file(id, file) {
    const {result} = await this.send('Runtime.evaluate', {expression: `document.getElementById('${id}')`});
    await this.send('DOM.setFileInputFiles', {files: [file], objectId: result.objectId});
  }
  async key(key, code = key) {
    for (const type of ['keyDown', 'keyUp']) await this.send('Input.dispatchKeyEvent', {type, key, code});
  }
  async picture(file, whole = false) {
    const {data} = await this.send('Page.captureScreenshot', {captureBeyondViewport: whole});
    writeFileSync(file, Buffer.from(data, 'base64'));
  }
  close() { return this.browser.send('Target.closeTarget', {targetId: this.target}); }
}
