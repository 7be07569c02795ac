/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/interface.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

bool interface_up(const char *name)
{
	const short wanted = IFF_UP | IFF_RUNNING;
	struct ifreq ask;
	bool up = true;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return true;
	memset(&ask, 0, sizeof(ask));
	snprintf(ask.ifr_name, sizeof(ask.ifr_name), "%s", name);
	if (ioctl(fd, SIOCGIFFLAGS, &ask) == 0)
		up = (ask.ifr_flags & wanted) == wanted;
	else if (errno == ENODEV)
		up = false;
	close(fd);
	return up;
}
