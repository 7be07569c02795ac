/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_REPORT_SVG_H
#define GW_REPORT_SVG_H
/*
 * The timeline of an incident's document as inline SVG: a lane for each device, in it
 * a band for each path (Ma1 above, lo6 below).
 *
 *	Ma1 lost		sparse hatch with a solid left edge
 *	session over lo6	solid bar with its name: justified; hollow and dashed: drill;
 *				hatch falling left: not known; dense hatch: not justified
 *	untrusted source	dense hatch behind a no-entry sign
 *	failover, failback	arrow down, arrow up
 *	BGP			hexagon, hollow: down, filled: up
 *	alert			flag
 *	what we could not see	grey hatch, with an outline
 *
 * No state is told by colour alone. Colours are those of the page that it stands in
 * (html.c). It is one picture to a screen reader, with a title and a
 * description; the tables of the report hold all that it shows.
 */
#include <stdio.h>
#include <jansson.h>

#define SVG_LANES 30 /* devices that are drawn; those with sessions and attempts first */

void report_svg(const json_t *doc, FILE *to);

/* The legend of what is drawn, as a list. */
void report_svg_legend(const json_t *doc, FILE *to);

#endif
