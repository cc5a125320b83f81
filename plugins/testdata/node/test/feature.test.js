import assert from 'node:assert/strict';
import { test } from 'node:test';
import { html } from '../src/feature.js';

test('html escapes what is put in, and not what it made', () => {
  const inner = html`<b>${'<&"\'>'}</b>`;
  assert.equal(String(html`<p title="${'"'}">${inner}${[1, '&', inner]}</p>`),
    '<p title="&#34;"><b>&lt;&amp;&#34;&#39;&gt;</b>1&amp;<b>&lt;&amp;&#34;&#39;&gt;</b></p>');
});

test('html keeps backslashes of what is put in', () => {
  assert.equal(String(html`<p>${'a\\n$&'}</p>`), '<p>a\\n$&amp;</p>');
});
