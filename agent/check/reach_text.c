/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/check/reach.h"

#include <stdio.h>
#include <string.h>

/* " (FILE:LINE)" of what a configuration says, or nothing. */
static const char *where(const struct graph *g, const struct graph_fault *f, char *buf, size_t size)
{
	buf[0] = '\0';
	if (f->line && f->node != GRAPH_NONE && g->nodes[f->node].device)
		snprintf(buf, size, " (%s:%d)", g->nodes[f->node].device->file, f->line);
	return buf;
}

static const char *vrf_of(const char *name)
{
	return name ? name : "default";
}

static void say(const struct graph *g, const struct graph_fault *f, char *buf)
{
	const char *node = f->node == GRAPH_NONE ? "" : g->nodes[f->node].name;
	const char *name = f->name ? f->name : "";
	char text[GRAPH_TEXT];

	switch (f->kind) {
	case FAULT_NONE:
		buf[0] = '\0';
		return;
	case FAULT_CUT:
		if (f->node == GRAPH_NONE)
			snprintf(buf, GRAPH_TEXT, "%s is cut, as supposed",
				 graph_session_text(g, f->value, text));
		else
			snprintf(buf, GRAPH_TEXT, "%s is down, as supposed", node);
		return;
	case FAULT_SHUTDOWN:
		snprintf(buf, GRAPH_TEXT, "%s has its session with %s shut down", node, name);
		return;
	case FAULT_INTERFACE:
		snprintf(buf, GRAPH_TEXT, "%s of %s is shut down", name, node);
		return;
	case FAULT_NOT_CONNECTED:
		snprintf(buf, GRAPH_TEXT, "%s has no subnet toward its neighbor %s", node, name);
		return;
	case FAULT_ONE_SIDED:
		snprintf(buf, GRAPH_TEXT, "%s has no neighbor statement for %s", node, name);
		return;
	case FAULT_AS:
		snprintf(buf, GRAPH_TEXT, "%s takes %s for AS %u, which it is not", node, name,
			 f->value);
		return;
	case FAULT_NO_AS:
		snprintf(buf, GRAPH_TEXT, "%s has no remote-as for its neighbor %s", node, name);
		return;
	case FAULT_FAMILY:
		snprintf(buf, GRAPH_TEXT, "%s has not activated its neighbor %s for it", node,
			 name);
		return;
	case FAULT_ROUTING:
		snprintf(buf, GRAPH_TEXT, "%s does not route it in VRF %s", node, vrf_of(f->name));
		return;
	case FAULT_NEXT_HOP:
		snprintf(buf, GRAPH_TEXT,
			 "%s of %s has no address for it in the other end's subnet", name, node);
		return;
	case FAULT_NO_LEAK:
		snprintf(buf, GRAPH_TEXT, "%s leaks nothing into VRF %s", node, vrf_of(f->name));
		return;
	case FAULT_LEAK_POLICY:
		snprintf(buf, GRAPH_TEXT, "leak policy %s of %s refuses it", name, node);
		return;
	case FAULT_NOT_LEAKED:
		snprintf(buf, GRAPH_TEXT, "%s does not redistribute leaked routes in VRF %s", node,
			 vrf_of(f->name));
		return;
	case FAULT_LEAKED_TWICE:
		snprintf(buf, GRAPH_TEXT, "%s would have to leak it twice", node);
		return;
	case FAULT_NOT_ORIGINATED:
		snprintf(buf, GRAPH_TEXT, "%s does not announce it", node);
		return;
	case FAULT_ORIGIN_POLICY:
		snprintf(buf, GRAPH_TEXT, "%s of %s does not let it be announced", name, node);
		return;
	case FAULT_FILTER:
		snprintf(buf, GRAPH_TEXT, "%s of %s refuses it", name, node);
		return;
	case FAULT_AS_LOOP:
		snprintf(buf, GRAPH_TEXT, "%s refuses it from %s: its AS is in the path", name,
			 node);
		return;
	case FAULT_IBGP:
		snprintf(buf, GRAPH_TEXT, "%s does not tell %s of its own AS", node, name);
		return;
	}
}

const char *reach_fault_text(const struct graph *g, const struct graph_fault *f, char *buf)
{
	char place[GRAPH_TEXT];
	size_t len;

	say(g, f, buf);
	len = strlen(buf);
	snprintf(buf + len, GRAPH_TEXT - len, "%s", where(g, f, place, sizeof(place)));
	return buf;
}

const char *reach_element_text(const struct graph *g, const struct reach_element *e, char *buf)
{
	switch (e->kind) {
	case REACH_LINK:
		return graph_link_text(g, e->number, buf);
	case REACH_SESSION:
		return graph_session_text(g, e->number, buf);
	case REACH_NODE:
		snprintf(buf, GRAPH_TEXT, "%s%s",
			 g->nodes[e->number].device ? "device " : "neighbor ",
			 g->nodes[e->number].name);
		return buf;
	}
	return "";
}
