package hosted

import (
	"bufio"
	"context"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// links tells of each address that a server copies from whether its link is up.
type links map[netip.AddrPort]bool

// commander is what a mesh asks of its server and of others.
type commander interface {
	// links returns those that the server has.
	links(ctx context.Context) (links, error)

	// add makes the server copy from peer, remove ends that.
	add(ctx context.Context, peer netip.AddrPort) error
	remove(ctx context.Context, peer netip.AddrPort) error

	// identity returns what differs between servers and between two lives of one;
	// of this server for the zero address.
	identity(ctx context.Context, peer netip.AddrPort) (string, error)
}

// node is a commander of a real server.
type node struct {
	client   *redis.Client
	password string
}

var _ commander = (*node)(nil)

func (n *node) links(ctx context.Context) (links, error) {
	text, err := n.client.Info(ctx, "replication").Result()
	if err != nil {
		return nil, fmt.Errorf("ask for links: %w", err)
	}
	return parseLinks(text), nil
}

// parseLinks reads the links in what KeyDB says to INFO replication: the first has
// no number, the others do:
//
//	master_host:10.0.0.2
//	master_port:6379
//	master_link_status:up
//	master_1_host:10.0.0.3
//	…
func parseLinks(text string) links {
	found := links{}
	values := map[string]string{}
	for lines := bufio.NewScanner(strings.NewReader(text)); lines.Scan(); {
		name, value, _ := strings.Cut(strings.TrimSpace(lines.Text()), ":")
		values[name] = value
	}
	for i := range len(values) {
		prefix := "master_"
		if i > 0 {
			prefix = fmt.Sprintf("master_%d_", i)
		}
		host, known := values[prefix+"host"]
		if !known {
			break
		}
		addr, err1 := netip.ParseAddr(host)
		port, err2 := strconv.ParseUint(values[prefix+"port"], 10, 16)
		if err1 == nil && err2 == nil { // a name was put there by hand: leave it
			found[netip.AddrPortFrom(addr, uint16(port))] = values[prefix+"link_status"] == "up"
		}
	}
	return found
}

func (n *node) add(ctx context.Context, peer netip.AddrPort) error {
	if err := n.client.Do(ctx, "REPLICAOF", peer.Addr().String(), peer.Port()).Err(); err != nil {
		return fmt.Errorf("add peer %s: %w", peer, err)
	}
	return nil
}

func (n *node) remove(ctx context.Context, peer netip.AddrPort) error {
	if err := n.client.Do(ctx, "REPLICAOF", "REMOVE", peer.Addr().String(), peer.Port()).Err(); err != nil {
		return fmt.Errorf("remove peer %s: %w", peer, err)
	}
	return nil
}

func (n *node) identity(ctx context.Context, peer netip.AddrPort) (string, error) {
	client := n.client
	if peer.IsValid() {
		client = dial(peer.String(), n.password)
		defer client.Close()
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	text, err := client.Info(ctx, "server").Result()
	if err != nil {
		return "", err
	}
	id := infoValue(text, "run_id")
	if id == "" {
		return "", fmt.Errorf("%s does not say its run_id", peer)
	}
	return id, nil
}
