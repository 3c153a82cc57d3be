// Prints what Chrome DevTools' trace engine makes of a file, as JSON: the threads it knows, and each one's tree of calls.
import fs from "node:fs";

globalThis.DOMRect ??= class { };
globalThis.window ??= globalThis;
const { Handlers, Helpers, Processor } = await import("@paulirish/trace_engine");

const { traceEvents } = JSON.parse(fs.readFileSync(process.argv[2]));
const processor = Processor.TraceProcessor.createWithAllHandlers();
await processor.parse(traceEvents, {});
const { Meta } = processor.data;

const shape = (nodes) => nodes.map((node) => [node.entry.name, node.entry.ts, node.entry.dur ?? 0, shape(node.children)]);
const trees = {};
for (const [pid, threads] of Meta.threadsInProcess) {
  for (const [tid, thread] of threads) {
    const events = traceEvents.filter((event) => event.ph === "X" && event.pid === pid && event.tid === tid);
    Helpers.Trace.sortTraceEventsInPlace(events);
    const { tree } = Helpers.TreeHelpers.treify(events, { filter: { has: () => true } });
    trees[thread.args.name] = shape([...tree.roots]);
  }
}
const starts = traceEvents.filter((event) => event.ph === "b").length, ends = traceEvents.filter((event) => event.ph === "e").length;
const matched = Helpers.Trace.createMatchedSortedSyntheticEvents(traceEvents.filter((event) => "be".includes(event.ph)).map((event) => ({ ...event, id2: { local: event.id } })));
const processes = [...Meta.processNames].map(([pid, event]) => [pid, event.args.name]);
console.log(JSON.stringify({ processes, trees, starts, ends, tasks: matched.map((one) => [one.name, one.ts, one.dur]) }));
