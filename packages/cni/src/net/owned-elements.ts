import { errnoOf } from "../netlink/exchange.ts";
import { deleteElements, type Element, type NftSet, newElements, type Table } from "../nft/codec.ts";
import type { Nft } from "../nft/nft.ts";

/** An element of a set. Whose it is stands in its comment. */
export interface OwnedItem {
  readonly set: NftSet;
  readonly element: Omit<Element, "comment">;
}

/**
 * Adds elements, all or none. One that another owner had is taken over: that owner is gone, or its address and port would
 * not have been given away, and its own deletion will leave it alone.
 *
 * @param makeStatic - makes tables, sets and rules; nearly always they are there.
 */
export function addOwned(
  nft: Nft,
  table: Table,
  items: readonly OwnedItem[],
  comment: string,
  makeStatic: () => void,
): void {
  const add = items.map(({ set, element }) => newElements(table, set, [{ ...element, comment }], { exclusive: true }));
  try {
    nft.transact(...add);
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === "ENOENT") makeStatic();
    else if (errno !== "EEXIST") throw error;
    const old = items.filter(({ set, element }) => nft.find(table, set, [element.key])[0] !== undefined);
    nft.transact(...old.map(({ set, element }) => deleteElements(table, set, [element])), ...add);
  }
}

/** Deletes those of the elements that are there and still this owner's. */
export function deleteOwned(nft: Nft, table: Table, items: readonly OwnedItem[], comment: string): void {
  const own = items.filter(({ set, element }) => nft.find(table, set, [element.key])[0]?.comment === comment);
  deleteItems(nft, table, own);
}

/** Deletes elements by their comments; it reads the sets whole. */
export function deleteElementsWhere(
  nft: Nft,
  table: Table,
  sets: readonly NftSet[],
  isMeant: (comment: string | undefined) => boolean,
): void {
  for (const set of sets) {
    const meant = nft.elements(table, set.name).filter(({ comment }) => isMeant(comment));
    deleteItems(
      nft,
      table,
      meant.map(({ key }) => ({ set, element: { key } })),
    );
  }
}

/** Deletes elements; those that are gone already are no error. */
export function deleteItems(nft: Nft, table: Table, items: readonly OwnedItem[]): void {
  try {
    nft.transact(...items.map(({ set, element }) => deleteElements(table, set, [element])));
  } catch (error) {
    if (errnoOf(error) !== "ENOENT") throw error;
    // Somebody else deleted one of them meanwhile, and so none was.
    for (const item of items.length > 1 ? items : []) deleteItems(nft, table, [item]);
  }
}
