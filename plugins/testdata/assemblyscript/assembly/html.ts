/** What a person typed, as text or in a quoted attribute. */
export function escape(text: string): string {
  let out = "";
  let from = 0;
  for (let i = 0; i < text.length; i++) {
    let entity = "";
    switch (text.charCodeAt(i)) {
      case 0x26: entity = "&amp;"; break;
      case 0x3c: entity = "&lt;"; break;
      case 0x3e: entity = "&gt;"; break;
      case 0x22: entity = "&#34;"; break;
      case 0x27: entity = "&#39;"; break;
    }
    if (entity.length > 0) {
      out += text.substring(from, i) + entity;
      from = i + 1;
    }
  }
  return out + text.substring(from);
}
