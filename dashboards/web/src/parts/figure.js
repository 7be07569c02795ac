// SPDX-License-Identifier: Apache-2.0
// chart.js and uPlot with it, fetched when the first figure is shown; null until then.
import { useEffect, useState } from "../html.js";

export function useChart() {
	const [part, set] = useState(null);
	useEffect(() => {
		let gone = false;
		import("./chart.js").then((m) => !gone && set(() => m), () => {});
		return () => { gone = true; };
	}, []);
	return part;
}
