/** Pictures of the made-up office, painted on the spot. */
import { fromBase64 } from '$lib/text/base64';
import { dice } from './world';

/** A landscape of no particular place, as a PNG. */
export function paint(seed: number, width: number, height: number): Uint8Array<ArrayBuffer> {
  const roll = dice(seed);
  const canvas = document.createElement('canvas');
  canvas.width = width;
  canvas.height = height;
  const pen = canvas.getContext('2d');
  if (!pen) return new Uint8Array();
  const hue = Math.floor(roll() * 360);
  const sky = pen.createLinearGradient(0, 0, 0, height);
  sky.addColorStop(0, `hsl(${hue} 55% 62%)`);
  sky.addColorStop(1, `hsl(${(hue + 40) % 360} 70% 86%)`);
  pen.fillStyle = sky;
  pen.fillRect(0, 0, width, height);
  pen.fillStyle = 'hsl(45 95% 88%)';
  pen.beginPath();
  pen.arc(width * (0.2 + roll() * 0.6), height * 0.3, Math.min(width, height) * 0.11, 0, 7);
  pen.fill();
  for (let ridge = 0; ridge < 3; ridge += 1) {
    pen.fillStyle = `hsl(${(hue + 150 + ridge * 12) % 360} 32% ${52 - ridge * 13}%)`;
    pen.beginPath();
    pen.moveTo(0, height);
    for (let x = 0; x <= 8; x += 1) {
      pen.lineTo((width * x) / 8, height * (0.48 + ridge * 0.15 + (roll() - 0.5) * 0.2));
    }
    pen.lineTo(width, height);
    pen.fill();
  }
  return fromBase64(canvas.toDataURL('image/png').split(',')[1] ?? '');
}
