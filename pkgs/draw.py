#!/usr/bin/env python3
"""Draws the icons and sample photos of the sample apps again: pkgs/draw.py (they are checked in; each is under 2 kB).

GIF for the icons, because QDK wants them so, with the first letter of the app's name; PNG for the samples.
"""
import math
import struct
import zlib
from pathlib import Path

PKGS = Path(__file__).resolve().parent
APPS = {  # app: (first version, colour, five rows of five pixels: its letter)
    "PhotoStation": ("6.1.1", (214, 96, 60), ("####.", "#...#", "####.", "#....", "#....")),
    "MediaLibrary": ("1.4", (64, 120, 192), ("#...#", "##.##", "#.#.#", "#...#", "#...#")),
    "QVPN": ("3.0", (40, 140, 110), (".###.", "#...#", "#.#.#", "#..#.", ".##.#")),
    "HybridBackup": ("1.0", (130, 90, 170), ("#...#", "#...#", "#####", "#...#", "#...#")),
    "BrokenStart": ("1.0", (170, 60, 90), ("####.", "#...#", "####.", "#...#", "####.")),
}


def lzw(pixels):
    """GIF's LZW of one-bit pixels (code size 2), as sub-blocks."""
    table, bits, n_bits, width = {(0,): 0, (1,): 1}, 0, 0, 3
    out, following = bytearray(), 6

    def put(code):
        nonlocal bits, n_bits
        bits |= code << n_bits
        n_bits += width
        while n_bits >= 8:
            out.append(bits & 255)
            bits >>= 8
            n_bits -= 8

    put(4)
    word = ()
    for pixel in pixels:
        if word + (pixel,) in table:
            word += (pixel,)
            continue
        put(table[word])
        table[word + (pixel,)] = following
        if following == 1 << width and width < 12:
            width += 1
        following += 1
        word = (pixel,)
    put(table[word])
    put(5)
    if n_bits:
        out.append(bits)
    blocks = [bytes(out[i:i + 255]) for i in range(0, len(out), 255)]
    return b"\x02" + b"".join(bytes([len(block)]) + block for block in blocks) + b"\x00"


def gif(size, colour, letter):
    cell = size // 8
    edge = (size - 5 * cell) // 2
    pixels = []
    for y in range(size):
        for x in range(size):
            column, row = (x - edge) // cell, (y - edge) // cell
            pixels.append(int(0 <= column < 5 and 0 <= row < 5 and letter[row][column] == "#"))
    palette = bytes(colour) + b"\xff\xff\xff" + bytes(6)
    return (b"GIF89a" + struct.pack("<HHBBB", size, size, 0x81, 0, 0) + palette +
            b"," + struct.pack("<HHHHB", 0, 0, size, size, 0) + lzw(pixels) + b";")


def png(width, height, pixel):
    """A picture of sixteen levels of grey-blue, from pixel(x, y) in 0..15."""
    palette = b"".join(bytes((24 + 13 * i, 60 + 12 * i, 110 + 9 * i)) for i in range(16))
    rows = b"".join(b"\0" + bytes(pixel(x, y) << 4 | pixel(x + 1, y) for x in range(0, width, 2))
                    for y in range(height))

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 4, 3, 0, 0, 0)) +
            chunk(b"PLTE", palette) + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b""))


def waves(x, y):
    crest = 40 + 6 * math.sin(x / 9) + 3 * math.sin(x / 4)
    return 12 - y // 8 if y < crest else max(0, 6 - int(y - crest) // 6)


def hills(x, y):
    far, near = 34 + 10 * math.sin(x / 17), 48 + 7 * math.sin(x / 11 + 2)
    return 2 if y > near else 6 if y > far else 10 + y // 10


def moon(x, y):
    return 15 if (x - 68) ** 2 + (y - 20) ** 2 < 130 else y // 16


def write(path, data):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


for name, (version, colour, letter) in APPS.items():
    icons = PKGS / name / version / "icons"
    grey = (sum(colour) // 3,) * 3
    write(icons / f"{name}.gif", gif(64, colour, letter))
    write(icons / f"{name}_80.gif", gif(80, colour, letter))
    write(icons / f"{name}_gray.gif", gif(64, grey, letter))
samples = PKGS / "PhotoStation" / "6.1.1" / "shared" / "sample"
write(samples / "waves.png", png(96, 64, waves))
write(samples / "hills.png", png(96, 64, hills))
write(samples / "moon.png", png(96, 64, moon))
