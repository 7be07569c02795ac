/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GW_DELIVER_NOTIFY_H
#define GW_DELIVER_NOTIFY_H
/*
 * Notifications: whether a receiver is to be told of an alert, and the text that it is
 * sent. Pure; deliver.c sends.
 *
 * A receiver is told when an alert begins, when it becomes worse, when it is over, and
 * again after a while as long as it lasts. Not of drills, not of what is silenced or
 * below the least severity; of what is acknowledged only when it becomes worse, and
 * when it is over. What was over before it could be told is told as resolved, once.
 *
 * Alertmanager decides by itself when to repeat; it takes an alert for over when it is
 * not told again in time. So all that lasts is sent to it every NOTIFY_REFRESH.
 */
#include <jansson.h>
#include <stdint.h>

#include "collector/store/alert.h"
#include "collector/store/deliver.h"

#define NOTIFY_REFRESH (60 * NS_PER_S)
#define NOTIFY_EXPIRE (5 * NOTIFY_REFRESH) /* Alertmanager ends it then by itself */
#define NOTIFY_MOST 100			   /* alerts in one notification */

enum notify_kind { NOTIFY_WEBHOOK, NOTIFY_SLACK, NOTIFY_ALERTMANAGER, NOTIFY_KINDS };

const char *notify_kind_name(enum notify_kind k);

struct notify_policy {
	enum event_severity least;
	uint64_t repeat_ns; /* 0: never */
};

enum notify_verdict { NOTIFY_NOTHING, NOTIFY_FIRING, NOTIFY_RESOLVED };

/* told: the newest that this receiver was told of it; NULL: nothing. */
enum notify_verdict notify_judge(const struct store_alert *a, const struct store_told *told,
				 const struct notify_policy *p, uint64_t now_ns);
/* Is it among what Alertmanager is to be reminded of? */
bool notify_lasts(const struct store_alert *a, const struct notify_policy *p);

/* Collects alerts for one notification. Zero it, add alerts, take the body, clear. */
struct notify {
	enum notify_kind kind;
	const char *collector, *receiver, *bundle; /* borrowed */
	uint64_t number;			   /* names it: it may come twice */
	uint64_t now_ns;
	json_t *alerts; /* owned */
	unsigned firing, resolved;
};

/* was: the severity that was told before, when it is another; else SEVERITY_NUM. False:
 * no memory. */
bool notify_add(struct notify *n, const struct store_alert *a, enum notify_verdict verdict,
		enum event_severity was);
char *notify_body(const struct notify *n); /* malloc()ed; NULL without memory */
void notify_clear(struct notify *n);

#endif
