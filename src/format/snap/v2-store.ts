/**
 * etcd's old v2 store as JSON: in a `.snap` of today it carries the membership that 3.4 and 3.5 boot from, and nothing
 * else. Key order and spelling are those of Go's encoding/json over etcd's store types.
 */
import { goString } from "../cluster/go-json.ts";
import { idText, raftAttributesJSON, type NewMember } from "../cluster/member.ts";

/** The events that a store remembers. */
const HISTORY_CAPACITY = 1000;

/** The store after the given members were added to an empty one, one after the other, as index 1, 2, … */
export function v2StoreJSON(members: readonly NewMember[]): string {
  const count = members.length;
  const root = node("/", 0, {
    0: node("/0", 0, { members: node("/0/members", 1, memberNodes(members)) }),
    1: node("/1", 0, {}),
  });
  return (
    `{"Root":${root},"WatcherHub":{"EventHistory":${eventHistory(members)}},` +
    `"CurrentIndex":${count},"Stats":${stats(count)},"CurrentVersion":2}`
  );
}

/** A folder; the index of the one change that made it counts as created and modified. */
function node(path: string, index: number, children: Readonly<Record<string, string>>): string {
  const inside = Object.keys(children)
    .toSorted()
    .map((name) => `${goString(name)}:${children[name]}`)
    .join(",");
  return nodeText(path, index, "", `{${inside}}`);
}

function nodeText(path: string, index: number, value: string, children: string): string {
  return (
    `{"Path":${goString(path)},"CreatedIndex":${index},"ModifiedIndex":${index},` +
    `"ExpireTime":"0001-01-01T00:00:00Z","Value":${goString(value)},"Children":${children}}`
  );
}

function attributesPath(member: NewMember): string {
  return `/0/members/${idText(member.id)}/raftAttributes`;
}

function memberNodes(members: readonly NewMember[]): Record<string, string> {
  const nodes: Record<string, string> = {};
  members.forEach((member, position) => {
    const index = position + 1;
    const attributes = nodeText(attributesPath(member), index, raftAttributesJSON(member), "null");
    nodes[idText(member.id)] = node(`/0/members/${idText(member.id)}`, index, {
      raftAttributes: attributes,
    });
  });
  return nodes;
}

/** The ring of events: filled from its first slot on, the rest null. */
function eventHistory(members: readonly NewMember[]): string {
  const events = members.map((member, position) => creation(member, position + 1));
  const slots = [
    ...events,
    ...Array.from({ length: HISTORY_CAPACITY - events.length }, () => "null"),
  ];
  const size = members.length;
  return (
    `{"Queue":{"Events":[${slots.join(",")}],"Size":${size},"Front":0,"Back":${size},` +
    `"Capacity":${HISTORY_CAPACITY}},"StartIndex":1,"LastIndex":${size}}`
  );
}

function creation(member: NewMember, index: number): string {
  const value = goString(raftAttributesJSON(member));
  return (
    `{"action":"create","node":{"key":${goString(attributesPath(member))},"value":${value},` +
    `"modifiedIndex":${index},"createdIndex":${index}}}`
  );
}

function stats(created: number): string {
  return (
    `{"getsSuccess":0,"getsFail":0,"setsSuccess":0,"setsFail":0,"deleteSuccess":0,"deleteFail":0,` +
    `"updateSuccess":0,"updateFail":0,"createSuccess":${created},"createFail":0,` +
    `"compareAndSwapSuccess":0,"compareAndSwapFail":0,` +
    `"compareAndDeleteSuccess":0,"compareAndDeleteFail":0,"expireCount":0,"watchers":0}`
  );
}
