/* SPDX-License-Identifier: Apache-2.0 */
#include "collector/store/report.h"

#include <stdio.h>
#include <string.h>

#include "collector/store/parts.h"

struct device_call {
	store_known_device_fn *fn;
	void *arg;
};

static int take_device(void *arg, struct db_row *row)
{
	struct device_call *call = arg;
	struct store_known_device d = { db_text(row, 0), db_text(row, 1), db_text(row, 2) };

	return call->fn(call->arg, &d);
}

int store_known_devices(struct store *s, store_known_device_fn *fn, void *arg)
{
	struct device_call call = { fn, arg };

	return db_each(s->db, take_device, &call,
		       "SELECT device, role, json FROM devices ORDER BY device", "");
}

int store_anchor_newest(struct store *s, struct chain_anchor *out)
{
	struct db_row *row;
	const void *hash;
	size_t len;
	int rc = db_get(s->db, &row,
			"SELECT number, place, hash, time FROM anchors ORDER BY number DESC"
			" LIMIT 1",
			"");

	*out = (struct chain_anchor){ 0 };
	if (rc <= 0)
		return rc;
	snprintf(out->store, sizeof(out->store), "%s", store_id(s));
	out->number = db_u64(row, 0);
	out->place = db_u64(row, 1);
	hash = db_blob(row, 2, &len);
	if (hash && len == CHAIN_HASH_LEN)
		memcpy(out->hash.bytes, hash, len);
	out->time_ns = db_u64(row, 3);
	return 1;
}
