"""Assets: made known, listed, forgotten."""

from data_manager.driver import Driver
from data_manager.store import Asset, Store
from sluicegate.rpc.refusals import Reason, Refusal


class Assets:
    """The assets in the store. None is forgotten under a run."""

    def __init__(self, store: Store, driver: Driver) -> None:
        self._store = store
        self._driver = driver

    async def create(self, asset: Asset) -> Asset:
        """Makes an asset known. The same again is no error."""
        there = await self._store.add_asset(asset)
        if there != asset:
            message = f"{asset.asset_id} is the asset of another path; choose another id"
            raise Refusal(Reason.ASSET_EXISTS, message, asset_id=asset.asset_id)
        return there

    async def get(self, asset_id: str) -> Asset:
        """An asset."""
        asset = await self._store.asset(asset_id)
        if asset is None:
            message = f"no asset is called {asset_id}; create it first"
            raise Refusal(Reason.ASSET_UNKNOWN, message, asset_id=asset_id)
        return asset

    async def after(self, asset_id: str, most: int) -> list[Asset]:
        """The next assets, by id."""
        return await self._store.assets(asset_id, most)

    async def delete(self, asset_id: str) -> None:
        """Forgets an asset that no run is over."""
        async with self._driver.beginning:
            await self.get(asset_id)
            if self._driver.uses(asset_id):
                message = f"a backup of {asset_id} runs; cancel it, or wait for its end"
                raise Refusal(Reason.ASSET_BUSY, message, asset_id=asset_id)
            await self._store.delete_asset(asset_id)
