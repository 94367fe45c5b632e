// Masks: painted on a canvas of the picture's own shape, kept as COCO's run lengths, column by column.
const PINK = [204, 121, 167];
const sheetOf = (wide, tall) => Object.assign(document.createElement("canvas"), { width: wide, height: tall });
const pen = (sheet) => sheet.getContext("2d", { willReadFrequently: true });

// A canvas on which a mask's pixels are set, the others clear.
function unpacked({ size: [tall, wide], counts }) {
  const sheet = sheetOf(wide, tall), picture = new ImageData(wide, tall), runs = [];
  let value = 0, factor = 1, place = 0;
  for (let at = 0; at < counts.length; at++) {
    const code = counts.charCodeAt(at) - 48;
    value += (code & 31) * factor;  // not shifted: a run may be longer than 31 bits say
    factor *= 32;
    if (code & 32) continue;
    if (code & 16) value -= factor;
    runs.push(value + (runs.length > 2 ? runs[runs.length - 2] : 0));
    value = 0;
    factor = 1;
  }
  runs.forEach((run, at) => {
    const end = Math.min(wide * tall, place + run);
    if (at % 2) for (; place < end; place++) {
      const pixel = 4 * ((place % tall) * wide + Math.floor(place / tall));
      picture.data.set(PINK, pixel);
      picture.data[pixel + 3] = 255;
    }
    place = end;
  });
  pen(sheet).putImageData(picture, 0, 0);
  return sheet;
}

// What is set on a canvas: its run lengths, and the box around it in shares; null where nothing is.
function packed(sheet) {
  const { width: wide, height: tall } = sheet, { data } = pen(sheet).getImageData(0, 0, wide, tall);
  const runs = [], box = [wide, tall, 0, 0];
  let set = false, run = 0;
  for (let x = 0; x < wide; x++) for (let y = 0; y < tall; y++) {
    const now = data[4 * (y * wide + x) + 3] > 127;
    if (now !== set) { runs.push(run); run = 0; set = now; }
    run++;
    if (!now) continue;
    if (x < box[0]) box[0] = x;
    if (y < box[1]) box[1] = y;
    if (x >= box[2]) box[2] = x + 1;
    if (y >= box[3]) box[3] = y + 1;
  }
  runs.push(run);
  if (runs.length === 1) return null;
  let counts = "";
  runs.forEach((length, at) => {
    let left = at > 2 ? length - runs[at - 2] : length, more = true;
    while (more) {
      let code = left & 31;
      left >>= 5;
      more = code & 16 ? left !== -1 : left !== 0;
      if (more) code |= 32;
      counts += String.fromCharCode(code + 48);
    }
  });
  return { mask: { size: [tall, wide], counts }, box: [box[0] / wide, box[1] / tall, box[2] / wide, box[3] / tall] };
}

// The sheet that lies over a picture, with a brush. `boxes()` are those of the picture at hand.
function paintOver(scene) {
  const known = new Map(), paper = make("canvas", { className: "paint" });
  const wide = scene.width, tall = scene.height;
  Object.assign(paper, { width: wide, height: tall });
  const sheet = (mask) => {
    const key = `${mask.size} ${mask.counts}`;
    if (!known.has(key)) {
      if (known.size > 60) known.delete(known.keys().next().value);
      known.set(key, unpacked(mask));
    }
    return known.get(key);
  };
  const copy = (mask) => {
    const made = sheetOf(wide, tall);
    if (mask) { pen(made).imageSmoothingEnabled = false; pen(made).drawImage(sheet(mask), 0, 0, wide, tall); }
    return made;
  };
  return {
    paper,
    show(masks, working) {
      const to = pen(paper);
      to.clearRect(0, 0, wide, tall);
      to.imageSmoothingEnabled = false;
      for (const mask of masks) to.drawImage(sheet(mask), 0, 0, wide, tall);
      if (working) to.drawImage(working, 0, 0);
    },
    holds: (mask, [x, y]) => pen(copy(mask)).getImageData(Math.min(wide - 1, Math.floor(x * wide)), Math.min(tall - 1, Math.floor(y * tall)), 1, 1).data[3] > 127,
    // A stroke on a mask, or on nothing yet; `size` is the brush's width as a share of the longer side.
    stroke(mask, size, erase) {
      const made = copy(mask), to = pen(made);
      Object.assign(to, { lineCap: "round", lineJoin: "round", lineWidth: Math.max(1, size * Math.max(wide, tall)),
        strokeStyle: `rgb(${PINK})`, globalCompositeOperation: erase ? "destination-out" : "source-over" });
      let last = null;
      return {
        sheet: made,
        to([x, y]) {
          const [fromX, fromY] = last || [x, y];
          to.beginPath();
          to.moveTo(fromX * wide, fromY * tall);
          to.lineTo(x * wide + 0.01, y * tall);
          to.stroke();
          last = [x, y];
        },
        end: () => packed(made),
      };
    },
  };
}
