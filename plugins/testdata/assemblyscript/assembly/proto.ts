// Protobuf's encoding, as much of it as feature.proto needs.

/** What follows a field's number. */
export namespace Wire {
  export const VARINT: u32 = 0;
  export const FIXED64: u32 = 1;
  export const BYTES: u32 = 2;
  export const FIXED32: u32 = 5;
}

/** Whether what was read since the last reset was no message. */
export let malformed: bool = false;

/** Begins to read another message. */
export function reset(): void {
  malformed = false;
}

/** Goes through the fields of a message that lies in memory. */
export class Reader {
  /** The number of the field. */
  field: u32 = 0;
  /** Its type. */
  type: u32 = 0;
  /** What a varint holds. */
  value: u64 = 0;

  // Where the content of a field of bytes lies.
  private at: usize = 0;
  private size: usize = 0;

  constructor(private next_: usize, private end: usize) {}

  /** Moves to the next field; false at the end, and after anything that is no field. */
  next(): bool {
    if (malformed || this.next_ >= this.end) return false;
    const tag = this.varint();
    this.field = <u32>(tag >> 3);
    this.type = <u32>(tag & 7);
    this.size = 0;
    if (tag >> 3 == 0 || tag >> 3 > 0x1fff_ffff) malformed = true;
    else if (this.type == Wire.VARINT) this.value = this.varint();
    else if (this.type == Wire.FIXED64) this.take(8);
    else if (this.type == Wire.FIXED32) this.take(4);
    else if (this.type == Wire.BYTES) this.take(this.varint());
    else malformed = true;
    return !malformed;
  }

  /** Whether this is field number, with a string or a message in it. */
  is(number: u32): bool {
    return this.field == number && this.type == Wire.BYTES;
  }

  /** The string in this field. */
  text(): string {
    return String.UTF8.decodeUnsafe(this.at, this.size);
  }

  /** The message in this field. */
  message(): Reader {
    return new Reader(this.at, this.at + this.size);
  }

  private take(size: u64): void {
    if (malformed || size > <u64>(this.end - this.next_)) {
      malformed = true;
      return;
    }
    this.at = this.next_;
    this.size = <usize>size;
    this.next_ += <usize>size;
  }

  private varint(): u64 {
    let value: u64 = 0;
    for (let shift: u64 = 0; shift < 70 && this.next_ < this.end; shift += 7) {
      const byte = load<u8>(this.next_++);
      value |= <u64>(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    malformed = true;
    return 0;
  }
}

/** Puts a message together. A field that holds nothing is left out. */
export class Writer {
  private buffer: StaticArray<u8> = new StaticArray<u8>(64);
  private size: i32 = 0;

  /** A string. */
  text(field: u32, value: string): this {
    return this.bytes(field, String.UTF8.encode(value));
  }

  /** A message, also an empty one. */
  message(field: u32, value: Writer): this {
    this.varint((field << 3) | Wire.BYTES);
    this.varint(value.size);
    this.append(changetype<usize>(value.buffer), value.size);
    return this;
  }

  /** A number of any size but sint64. */
  number(field: u32, value: u64): this {
    if (value != 0) {
      this.varint((field << 3) | Wire.VARINT);
      this.varint(value);
    }
    return this;
  }

  /** A sint64. */
  signed(field: u32, value: i64): this {
    return this.number(field, <u64>((value << 1) ^ (value >> 63)));
  }

  /** A double. */
  double(field: u32, value: f64): this {
    if (value != 0) {
      this.varint((field << 3) | Wire.FIXED64);
      const at = this.grow(8);
      store<f64>(at, value);
    }
    return this;
  }

  /** Where the message lies, and its length, as a guest of presence returns it. */
  result(): i64 {
    return ((<i64>changetype<usize>(this.buffer)) << 32) | this.size;
  }

  private bytes(field: u32, value: ArrayBuffer): this {
    if (value.byteLength > 0) {
      this.varint((field << 3) | Wire.BYTES);
      this.varint(value.byteLength);
      this.append(changetype<usize>(value), value.byteLength);
    }
    return this;
  }

  private varint(value: u64): void {
    while (value >= 0x80) {
      store<u8>(this.grow(1), <u8>value | 0x80);
      value >>= 7;
    }
    store<u8>(this.grow(1), <u8>value);
  }

  private append(from: usize, size: i32): void {
    memory.copy(this.grow(size), from, size);
  }

  // Makes room for size more bytes and returns where they are.
  private grow(size: i32): usize {
    const at = this.size;
    this.size += size;
    if (this.size > this.buffer.length) {
      const larger = new StaticArray<u8>(max(this.size, 2 * this.buffer.length));
      memory.copy(changetype<usize>(larger), changetype<usize>(this.buffer), at);
      this.buffer = larger;
    }
    return changetype<usize>(this.buffer) + at;
  }
}
