// SPDX-License-Identifier: Apache-2.0
// What every component imports: html`` makes elements; signals make them live. Reading
// `signal.value` inside a component redraws that component, and no other, on change.
import htm from "htm";
import { h } from "preact";

export const html = htm.bind(h);
export { Fragment, h, render } from "preact";
export { useCallback, useEffect, useId, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
export { batch, computed, effect, signal, useComputed, useSignal, useSignalEffect } from "@preact/signals";

// Joins class names: cls("half", lost && "lost") is "half lost" or "half".
export const cls = (...names) => names.filter(Boolean).join(" ");
