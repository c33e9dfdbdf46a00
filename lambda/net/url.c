/* SPDX-License-Identifier: Apache-2.0 */
/* Splits off the scheme, the port and the path. net_endpoint_parse checks the host and the port. */
#include "lambda/net/url.h"
#include "runtime/base/ascii.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

/* PORT_BYTES has room for ":65535". */
enum { HTTP_PORT = 80, HTTPS_PORT = 443, PORT_BYTES = 8 };

/* Returns the length of the scheme with its "://", or 0 if it is neither http nor https. */
static size_t parse_scheme(int *tls, const char *text)
{
    static const char http[] = "http://", https[] = "https://";

    *tls = ascii_begins(text, https);
    if (*tls)
        return sizeof https - 1;
    return ascii_begins(text, http) ? sizeof http - 1 : 0;
}

/* Returns 1 if host[:port] has a port. Colons within the brackets of an IPv6 address do not
 * count. */
static int has_port(const char *authority, size_t size)
{
    const char *bracket = memchr(authority, ']', size);
    const char *from = bracket != NULL ? bracket : authority;

    return memchr(from, ':', size - (size_t)(from - authority)) != NULL;
}

int url_parse(net_endpoint *to, http_slice *target, const char *text)
{
    char authority[NET_HOST_BYTES + PORT_BYTES];
    net_endpoint found;
    size_t scheme, size;
    int tls;

    for (const char *at = text; *at != '\0'; at++)
        if (*at <= ' ' || *at > '~' || *at == '#')
            return -1;
    scheme = parse_scheme(&tls, text);
    text += scheme;
    size = strcspn(text, "/?");
    if (scheme == 0 || size >= NET_HOST_BYTES)
        return -1;
    memcpy(authority, text, size);
    authority[size] = '\0';
    if (!has_port(text, size))
        snprintf(authority + size, PORT_BYTES, ":%d", tls ? HTTPS_PORT : HTTP_PORT);
    if (net_endpoint_parse(&found, authority) != 0)
        return -1;
    found.tls = tls;
    *to = found;
    *target = (http_slice){text + size, strlen(text + size)};
    return 0;
}

void url_host(char out[URL_HOST_BYTES], const net_endpoint *to)
{
    int is_v6 = strchr(to->host, ':') != NULL;
    int size = snprintf(out, URL_HOST_BYTES, is_v6 ? "[%s]" : "%s", to->host);

    if (to->port != (to->tls ? HTTPS_PORT : HTTP_PORT))
        snprintf(out + size, URL_HOST_BYTES - (size_t)size, ":%u", (unsigned)to->port);
}

int url_is_local(const net_endpoint *to)
{
    struct in6_addr v6;
    struct in_addr v4;

    if (inet_pton(AF_INET, to->host, &v4) == 1)
        return ntohl(v4.s_addr) >> 24 == 127;
    if (inet_pton(AF_INET6, to->host, &v6) == 1)
        return IN6_IS_ADDR_LOOPBACK(&v6);
    return ascii_same_text(to->host, "localhost");
}
