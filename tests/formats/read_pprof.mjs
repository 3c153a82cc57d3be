// Prints what pprof-format reads from a file, as JSON.
import fs from "node:fs";
import zlib from "node:zlib";
import { Profile } from "pprof-format";

const profile = Profile.decode(zlib.gunzipSync(fs.readFileSync(process.argv[2])));
const text = (index) => profile.stringTable.strings[Number(index)];
const functions = new Map(profile.function.map((one) => [Number(one.id), one]));
const locations = new Map(profile.location.map((one) => [Number(one.id), one]));
const named = (id) => {
  const { line: [line] } = locations.get(Number(id));
  const found = functions.get(Number(line.functionId));
  return [text(found.name), text(found.filename), Number(line.line)];
};
const labels = (sample) => Object.fromEntries(sample.label.map((one) => [text(one.key), text(one.str) || Number(one.num)]));

console.log(JSON.stringify({
  types: profile.sampleType.map((one) => [text(one.type), text(one.unit)]),
  samples: profile.sample.map((one) => ({ stack: one.locationId.map(named), values: one.value.map(Number), labels: labels(one) })),
  duration: Number(profile.durationNanos),
  time: String(profile.timeNanos),
}));
