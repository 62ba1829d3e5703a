//! Sinks and worktops at a wall, in kitchens and bathrooms, and the taps of all basins.

use super::builder::Builder;
use super::furniture::{self, DRAWER_HEIGHT_M, SLAB_HEIGHT_M, TOP_HEIGHT_M};
use crate::geometry::Pose;
use nalgebra::{Translation3, Vector3};

/// What is under a worktop.
#[derive(Debug, Clone, Copy)]
pub(super) struct Below {
    pub cabinet: bool,
    pub drawer: bool,
}

impl Builder {
    /// A sink and its tap at wall `side`, their middle `along_m` metres from its end; with or without
    /// a cabinet below.
    pub fn sink_unit(&mut self, side: usize, along_m: f64, width_m: f64, cabinet: bool) {
        let p = self.palette;
        if cabinet {
            let cabinet = furniture::base_cabinet(width_m, &p);
            self.add_at_wall("cabinet", cabinet, side, along_m, 0.0, None, true);
        }
        let basin = furniture::sink_basin(width_m, &p);
        let basin =
            self.add_at_wall("sinkbasin", basin, side, along_m, DRAWER_HEIGHT_M, None, true);
        let tap = furniture::faucet(&p);
        self.add_at_wall("faucet", tap, side, along_m, TOP_HEIGHT_M, Some(basin), false);
    }

    /// A worktop at wall `side`, and what is below it; returns the id of the worktop.
    pub fn worktop_unit(&mut self, side: usize, along_m: f64, width_m: f64, below: Below) -> u32 {
        let p = self.palette;
        if below.cabinet {
            let cabinet = furniture::base_cabinet(width_m, &p);
            self.add_at_wall("cabinet", cabinet, side, along_m, 0.0, None, true);
        }
        if below.drawer {
            let drawer = furniture::drawer(width_m, &p);
            self.add_at_wall("drawer", drawer, side, along_m, DRAWER_HEIGHT_M, None, true);
        }
        let top = furniture::countertop(width_m, 0.45, &p);
        self.add_at_wall("countertop", top, side, along_m, SLAB_HEIGHT_M, None, true)
    }

    /// The tap of a basin that is no sink of a worktop: on the rim at its back. `size_m` is that of the
    /// basin's box.
    pub fn tap(&mut self, basin: u32, world_T_basin: &Pose, size_m: &Vector3<f64>) {
        let tap = furniture::faucet(&self.palette);
        let behind = world_T_basin * Translation3::new(0.04 - 0.5 * size_m.x, 0.0, size_m.z);
        self.add("faucet", tap, behind, Some(basin), false);
    }
}
