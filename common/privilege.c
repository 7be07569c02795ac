/* SPDX-License-Identifier: Apache-2.0 */
#include "common/privilege.h"

#include <cap-ng.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/log.h"
#include "common/syscalls.h"

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED true
#endif
#endif
#ifndef SANITIZED
#define SANITIZED false
#endif

#define DAC (PRIVILEGE(CAP_DAC_READ_SEARCH) | PRIVILEGE(CAP_DAC_OVERRIDE))

/* What was done, for privilege_report(). */
static struct {
	bool given_up, sandbox, calls;
	int landlock; /* its version */
} done;

/* ---- capabilities ----------------------------------------------------------------- */

static bool has(capng_type_t set, unsigned capability)
{
	return capng_have_capability(set, capability) == 1;
}

/* Makes libcap-ng's idea of the process: those of `effective` and `permitted` that
 * it has, none to be inherited. Returns what can be applied: the bounding set is
 * emptied too where it may be, which takes CAP_SETPCAP. Negative: failed. */
static int choose(uint64_t effective, uint64_t permitted)
{
	int what = CAPNG_SELECT_CAPS | CAPNG_SELECT_AMBIENT;
	uint64_t had = 0;
	unsigned i;

	if (capng_get_caps_process() < 0)
		return -1;
	for (i = 0; i <= CAP_LAST_CAP; i++)
		if (has(CAPNG_PERMITTED, i))
			had |= PRIVILEGE(i);
	if (has(CAPNG_EFFECTIVE, CAP_SETPCAP))
		what |= CAPNG_SELECT_BOUNDS;
	capng_clear(CAPNG_SELECT_ALL);
	for (i = 0; i <= CAP_LAST_CAP; i++) {
		if (permitted & had & PRIVILEGE(i))
			capng_update(CAPNG_ADD, CAPNG_PERMITTED, i);
		if (effective & had & PRIVILEGE(i))
			capng_update(CAPNG_ADD, CAPNG_EFFECTIVE, i);
	}
	return what;
}

static int keep_only(uint64_t effective, uint64_t permitted)
{
	int what = choose(effective, permitted);

	return what < 0 ? what : capng_apply((capng_select_t)what);
}

/* ---- start --------------------------------------------------------------------------- */

/* A system folder such as /var/lib is root's; the user's own in it is made here. */
static int make_state(const struct passwd *pw, const char *state, char *err, size_t size)
{
	if (mkdir(state, 0750) == 0 ? chown(state, pw->pw_uid, pw->pw_gid) == 0 : errno == EEXIST)
		return 0;
	snprintf(err, size, "%s: %s", state, strerror(errno));
	return -1;
}

/* Root becomes `user` with these capabilities. */
static int become(const char *user, const char *state, uint64_t keep, char *err, size_t size)
{
	const struct passwd *pw = getpwnam(user);
	int what;

	if (!pw) {
		snprintf(err, size, "there is no user %s: `useradd --system %s` makes one", user,
			 user);
		return -1;
	}
	if (pw->pw_uid != geteuid() && geteuid() != 0) {
		snprintf(err, size, "only root can become user %s", user);
		return -1;
	}
	if (pw->pw_uid == geteuid())
		return keep_only(keep, keep);
	if (state && make_state(pw, state, err, size) < 0)
		return -1;
	what = choose(keep, keep);
	if (what < 0 || capng_apply((capng_select_t)(what & ~CAPNG_SELECT_CAPS)) < 0 ||
	    capng_change_id((int)pw->pw_uid, (int)pw->pw_gid, CAPNG_INIT_SUPP_GRP) < 0) {
		snprintf(err, size, "cannot become user %s: %s", user, strerror(errno));
		return -1;
	}
	if (state && faccessat(AT_FDCWD, state, W_OK | X_OK, AT_EACCESS) < 0) {
		snprintf(err, size,
			 "user %s may not write in %s; `chown -R %s %s` gives it to "
			 "them",
			 user, state, user, state);
		return -1;
	}
	return 0;
}

int privilege_start(const char *user, const char *state, uint64_t keep, char *err, size_t size)
{
	umask(027); /* who reached what is not for everybody */
	if (user)
		return become(user, state, keep, err, size);
	if (keep_only(keep | DAC, keep | DAC) < 0) {
		snprintf(err, size, "cannot give up capabilities: %s", strerror(errno));
		return -1;
	}
	return 0;
}

/* ---- limit ----------------------------------------------------------------------------- */

/* Whether a folder and what lies in it, or a file, can be used without override. */
static bool usable(const char *path, int mode)
{
	struct dirent *entry;
	struct stat st;
	bool yes = true;
	DIR *dir;

	if (stat(path, &st) == 0 && !S_ISDIR(st.st_mode))
		mode &= ~X_OK;
	if (faccessat(AT_FDCWD, path, mode, AT_EACCESS) < 0)
		return errno == ENOENT || errno == ENOTDIR;
	dir = opendir(path);
	if (!dir)
		return errno == ENOTDIR;
	/* a folder that is readable may not be searchable, and hold what is not */
	while (yes && (entry = readdir(dir)) != NULL)
		yes = entry->d_name[0] == '.' ||
		      faccessat(dirfd(dir), entry->d_name, R_OK, AT_EACCESS) == 0 ||
		      errno != EACCES;
	closedir(dir);
	return yes;
}

/* Of the capabilities that override file modes, those without which a path cannot
 * be used. They are still permitted, but not in effect. */
static uint64_t overrides(const struct privilege *p)
{
	uint64_t needed = 0;
	size_t i;

	if (!has(CAPNG_PERMITTED, CAP_DAC_OVERRIDE))
		return 0;
	for (i = 0; i < p->n_paths; i++) {
		const struct landlock_path *l = &p->paths[i];

		if (!l->path)
			continue;
		if (l->may & LANDLOCK_WRITE && !usable(l->path, R_OK | W_OK | X_OK)) {
			needed |= PRIVILEGE(CAP_DAC_OVERRIDE);
			log_warning("%s is somebody else's: keeping CAP_DAC_OVERRIDE, to go on "
				    "writing there; better let --user own it",
				    l->path);
		} else if (l->may & LANDLOCK_READ && !usable(l->path, R_OK)) {
			needed |= PRIVILEGE(CAP_DAC_READ_SEARCH);
			log_warning("%s is readable by somebody else alone: keeping "
				    "CAP_DAC_READ_SEARCH, to read it again; better let --user "
				    "read it",
				    l->path);
		}
	}
	return needed;
}

/* What libraries read: names of hosts and users, certificates, the machine's CPUs
 * and interfaces. Folders, because the files are replaced by others. */
static const struct landlock_path of_system[] = {
	{ "/etc", LANDLOCK_READ },
	{ "/usr", LANDLOCK_READ },
	{ "/run/systemd/resolve", LANDLOCK_READ },
	{ "/run/resolvconf", LANDLOCK_READ },
	{ "/run/NetworkManager", LANDLOCK_READ },
	{ "/sys/devices", LANDLOCK_READ },
	{ "/sys/class", LANDLOCK_READ },
	{ "/proc/self", LANDLOCK_READ },
	{ "/proc/sys", LANDLOCK_READ },
	{ "/dev/urandom", LANDLOCK_READ },
	{ "/dev/null", LANDLOCK_READ | LANDLOCK_WRITE },
};
#define N_OF_SYSTEM (sizeof(of_system) / sizeof(of_system[0]))
#define MAX_PATHS (N_OF_SYSTEM + 16)

static int limit_files(const struct privilege *p, char *err, size_t size)
{
	struct landlock_path all[MAX_PATHS];
	size_t n = p->n_paths < MAX_PATHS - N_OF_SYSTEM ? p->n_paths : MAX_PATHS - N_OF_SYSTEM;

	memcpy(all, p->paths, n * sizeof(all[0]));
	memcpy(all + n, of_system, sizeof(of_system));
	done.landlock = landlock_limit(all, n + N_OF_SYSTEM);
	if (done.landlock < 0) {
		snprintf(err, size, "cannot limit which files are opened: %s",
			 strerror(-done.landlock));
		return -1;
	}
	if (done.landlock == 0)
		log_warning("there is no Landlock here (Linux 5.13, or hidden by a container): "
			    "files are not limited beyond their modes");
	return 0;
}

static int limit_calls(const struct privilege *p, char *err, size_t size)
{
	int e = syscalls_limit(p->calls);

	if (e == 0) {
		done.calls = true;
		return 0;
	}
	if (e == -ENOSYS || e == -EINVAL) {
		log_warning("this kernel has no seccomp filters: system calls are not limited");
		return 0;
	}
	snprintf(err, size, "cannot limit system calls: %s", strerror(-e));
	return -1;
}

int privilege_limit(const struct privilege *p, char *err, size_t size)
{
	uint64_t keep = p->keep;

	if (keep_only(keep, keep | DAC) == 0) {
		keep |= overrides(p);
		if (keep_only(keep, keep) == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0)
			done.given_up = true;
	}
	if (!done.given_up) {
		snprintf(err, size, "cannot give up capabilities: %s", strerror(errno));
		return -1;
	}
	done.sandbox = p->sandbox == SANDBOX_ON && !SANITIZED;
	if (!done.sandbox)
		return 0;
	/* nobody but root looks into its memory, which may hold a password */
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	return limit_files(p, err, size) < 0 || limit_calls(p, err, size) < 0 ? -1 : 0;
}

/* ---- report ------------------------------------------------------------------------------ */

static json_t *held(void)
{
	json_t *names = json_array();
	char text[64];
	unsigned i;

	for (i = 0; i <= CAP_LAST_CAP; i++) {
		const char *name = capng_capability_to_name(i);

		if (!has(CAPNG_EFFECTIVE, i) || !name)
			continue;
		snprintf(text, sizeof(text), "cap_%s", name);
		json_array_append_new(names, json_string(text));
	}
	return names;
}

json_t *privilege_report(void)
{
	json_t *doc = json_object();
	char files[32];

	snprintf(files, sizeof(files), "landlock %d", done.landlock);
	json_object_set_new(doc, "uid", json_integer(geteuid()));
	json_object_set_new(doc, "capabilities", held());
	json_object_set_new(doc, "no_new_privileges", json_boolean(done.given_up));
	json_object_set_new(doc, "files", json_string(done.landlock > 0 ? files : "not limited"));
	json_object_set_new(doc, "system_calls",
			    json_string(done.calls ? "seccomp" : "not limited"));
	json_object_set_new(doc, "refused_calls", json_integer((json_int_t)syscalls_refused()));
	return doc;
}

void privilege_print(const json_t *report, FILE *out)
{
	const json_t *names = json_object_get(report, "capabilities"), *name;
	size_t i;

	fprintf(out, "rights      uid %lld,",
		(long long)json_integer_value(json_object_get(report, "uid")));
	json_array_foreach(names, i, name) fprintf(out, " %s", json_string_value(name));
	fprintf(out, "%s; files: %s; system calls: %s, %lld refused\n",
		json_array_size(names) ? "" : " no capabilities",
		json_string_value(json_object_get(report, "files")),
		json_string_value(json_object_get(report, "system_calls")),
		(long long)json_integer_value(json_object_get(report, "refused_calls")));
}
