//! The camera model: pinhole projection with the distortion models of `sensor_msgs/CameraInfo`.

use rayon::prelude::*;

/// Lens distortion, with coefficients in the order of OpenCV and `sensor_msgs/CameraInfo.d`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Distortion {
    /// Rectified image.
    None,
    /// `plumb_bob`: k1, k2, p1, p2, k3.
    PlumbBob([f64; 5]),
    /// `rational_polynomial`: k1, k2, p1, p2, k3, k4, k5, k6.
    RationalPolynomial([f64; 8]),
    /// `equidistant` (Kannala–Brandt fisheye): k1, k2, k3, k4.
    Equidistant([f64; 4]),
}

/// A pinhole camera with distortion. Pixel (0, 0) is the centre of the top-left pixel.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CameraModel {
    /// Image width in pixels.
    pub width: u32,
    /// Image height in pixels.
    pub height: u32,
    /// Focal length along x in pixels.
    pub fx: f64,
    /// Focal length along y in pixels.
    pub fy: f64,
    /// Principal point x in pixels.
    pub cx: f64,
    /// Principal point y in pixels.
    pub cy: f64,
    /// Lens distortion.
    pub distortion: Distortion,
}

impl CameraModel {
    /// A rectified pinhole camera.
    pub fn pinhole(width: u32, height: u32, fx: f64, fy: f64, cx: f64, cy: f64) -> Self {
        Self { width, height, fx, fy, cx, cy, distortion: Distortion::None }
    }

    /// The pixel that sees `point` (camera coordinates, metres).
    ///
    /// `None` behind the camera and where the distortion model folds over. The pixel may lie
    /// outside the image: see [`CameraModel::contains`].
    pub fn project(&self, point: [f64; 3]) -> Option<[f64; 2]> {
        let [x, y, z] = point;
        if !(z > 0.0 && x.is_finite() && y.is_finite() && z.is_finite()) {
            return None;
        }
        let [x, y] = self.distortion.distort([x / z, y / z])?;
        Some([self.fx * x + self.cx, self.fy * y + self.cy])
    }

    /// The ray (x/z, y/z) that pixel (`u`, `v`) sees. `None` when no ray projects to the pixel.
    pub fn unproject_ray(&self, u: f64, v: f64) -> Option<[f64; 2]> {
        self.distortion.undistort([(u - self.cx) / self.fx, (v - self.cy) / self.fy])
    }

    /// Whether the pixel lies on the image: each pixel reaches half a pixel around its centre.
    pub fn contains(&self, [u, v]: [f64; 2]) -> bool {
        u >= -0.5
            && v >= -0.5
            && u < f64::from(self.width) - 0.5
            && v < f64::from(self.height) - 0.5
    }

    /// The rays of all pixels, computed once.
    pub fn ray_table(&self) -> RayTable {
        let width = self.width as usize;
        let rays = (0..width * self.height as usize)
            .into_par_iter()
            .with_min_len(4096)
            .map(|i| {
                let ray = self.unproject_ray((i % width) as f64, (i / width) as f64);
                ray.map_or([f32::NAN; 2], |[x, y]| [x as f32, y as f32])
            })
            .collect();
        RayTable { width: self.width, height: self.height, rays }
    }
}

/// The normalised ray (x/z, y/z) of every pixel of one camera.
#[derive(Debug, Clone)]
pub struct RayTable {
    width: u32,
    height: u32,
    /// `width * height` rays, row-major; NaN where the pixel sees nothing.
    rays: Vec<[f32; 2]>,
}

impl RayTable {
    /// Width in pixels.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Height in pixels.
    pub fn height(&self) -> u32 {
        self.height
    }

    /// The rays, row-major; NaN where no ray projects to the pixel.
    pub fn rays(&self) -> &[[f32; 2]] {
        &self.rays
    }

    /// The point (camera coordinates, metres) that pixel (`u`, `v`) sees at depth `depth_m`.
    ///
    /// `None` outside the image, where the pixel has no ray, and where there is no reading.
    pub fn point(&self, u: u32, v: u32, depth_m: f32) -> Option<[f32; 3]> {
        if u >= self.width || v >= self.height || depth_m <= 0.0 || depth_m.is_nan() {
            return None;
        }
        let [x, y] = self.rays[v as usize * self.width as usize + u as usize];
        (!x.is_nan()).then_some([x * depth_m, y * depth_m, depth_m])
    }
}

/// Newton steps before giving up; it converges quadratically, so ten suffice where it converges.
const MAX_STEPS: usize = 30;
/// Largest remaining error, in normalised coordinates: far below a thousandth of a pixel.
const TOLERANCE: f64 = 1e-10;

impl Distortion {
    /// The distorted normalised coordinates of the ray `(x/z, y/z)`; `None` beyond the fold.
    fn distort(&self, [x, y]: [f64; 2]) -> Option<[f64; 2]> {
        match *self {
            Distortion::None => Some([x, y]),
            Distortion::PlumbBob([k1, k2, p1, p2, k3]) => {
                Lens { k: [k1, k2, k3, 0.0, 0.0, 0.0], p1, p2 }.apply(x, y).unfolded()
            }
            Distortion::RationalPolynomial([k1, k2, p1, p2, k3, k4, k5, k6]) => {
                Lens { k: [k1, k2, k3, k4, k5, k6], p1, p2 }.apply(x, y).unfolded()
            }
            Distortion::Equidistant(k) => {
                let radius = x.hypot(y);
                let (angle, slope) = fisheye(k, radius.atan());
                let scale = if radius > 1e-12 { angle / radius } else { 1.0 };
                (slope > 0.0 && scale > 0.0).then_some([x * scale, y * scale])
            }
        }
    }

    /// The inverse of [`Distortion::distort`]; `None` when the iteration does not converge.
    fn undistort(&self, [x, y]: [f64; 2]) -> Option<[f64; 2]> {
        match *self {
            Distortion::None => Some([x, y]),
            Distortion::PlumbBob([k1, k2, p1, p2, k3]) => {
                Lens { k: [k1, k2, k3, 0.0, 0.0, 0.0], p1, p2 }.invert(x, y)
            }
            Distortion::RationalPolynomial([k1, k2, p1, p2, k3, k4, k5, k6]) => {
                Lens { k: [k1, k2, k3, k4, k5, k6], p1, p2 }.invert(x, y)
            }
            Distortion::Equidistant(k) => {
                let distorted = x.hypot(y);
                let mut angle = distorted.min(1.5);
                for _ in 0..MAX_STEPS {
                    let (value, slope) = fisheye(k, angle);
                    if slope <= 0.0 {
                        return None;
                    }
                    if (value - distorted).abs() < TOLERANCE {
                        let inside = (0.0..std::f64::consts::FRAC_PI_2).contains(&angle);
                        let scale = if distorted > 1e-12 { angle.tan() / distorted } else { 1.0 };
                        return inside.then_some([x * scale, y * scale]);
                    }
                    angle -= (value - distorted) / slope;
                }
                None
            }
        }
    }
}

/// The distorted angle of a fisheye lens for the angle `angle` from the optical axis (radians),
/// and its derivative.
fn fisheye([k1, k2, k3, k4]: [f64; 4], angle: f64) -> (f64, f64) {
    let a2 = angle * angle;
    let value = angle * (1.0 + a2 * (k1 + a2 * (k2 + a2 * (k3 + a2 * k4))));
    let slope = 1.0 + a2 * (3.0 * k1 + a2 * (5.0 * k2 + a2 * (7.0 * k3 + a2 * 9.0 * k4)));
    (value, slope)
}

/// Brown–Conrady lens: a rational radial factor and tangential terms.
struct Lens {
    /// k1, k2, k3 of the numerator and k4, k5, k6 of the denominator.
    k: [f64; 6],
    p1: f64,
    p2: f64,
}

/// Distorted coordinates and their (symmetric) derivative by the undistorted ones.
struct Distorted {
    xy: [f64; 2],
    dx_dx: f64,
    dx_dy: f64,
    dy_dy: f64,
    radial: f64,
}

impl Distorted {
    fn determinant(&self) -> f64 {
        self.dx_dx * self.dy_dy - self.dx_dy * self.dx_dy
    }

    /// The coordinates, unless the map has turned over here: then another ray sees this pixel.
    fn unfolded(&self) -> Option<[f64; 2]> {
        (self.determinant() > 0.0 && self.radial > 0.0).then_some(self.xy)
    }
}

impl Lens {
    fn apply(&self, x: f64, y: f64) -> Distorted {
        let Lens { k: [k1, k2, k3, k4, k5, k6], p1, p2 } = *self;
        let r2 = x * x + y * y;
        let above = 1.0 + r2 * (k1 + r2 * (k2 + r2 * k3));
        let below = 1.0 + r2 * (k4 + r2 * (k5 + r2 * k6));
        let above_slope = k1 + r2 * (2.0 * k2 + r2 * 3.0 * k3);
        let below_slope = k4 + r2 * (2.0 * k5 + r2 * 3.0 * k6);
        let radial = above / below;
        let slope = (above_slope - radial * below_slope) / below;
        Distorted {
            xy: [
                x * radial + 2.0 * p1 * x * y + p2 * (r2 + 2.0 * x * x),
                y * radial + p1 * (r2 + 2.0 * y * y) + 2.0 * p2 * x * y,
            ],
            dx_dx: radial + 2.0 * x * x * slope + 2.0 * p1 * y + 6.0 * p2 * x,
            dx_dy: 2.0 * x * y * slope + 2.0 * p1 * x + 2.0 * p2 * y,
            dy_dy: radial + 2.0 * y * y * slope + 6.0 * p1 * y + 2.0 * p2 * x,
            radial,
        }
    }

    /// Newton's method from the distorted point itself.
    fn invert(&self, goal_x: f64, goal_y: f64) -> Option<[f64; 2]> {
        let (mut x, mut y) = (goal_x, goal_y);
        for _ in 0..MAX_STEPS {
            let at = self.apply(x, y);
            let (ex, ey) = (at.xy[0] - goal_x, at.xy[1] - goal_y);
            if ex.hypot(ey) < TOLERANCE {
                return at.unfolded().map(|_| [x, y]);
            }
            let determinant = at.determinant();
            // Beyond the fold the step points away from the image: go half way back to the axis.
            if !(determinant > 0.0 && at.radial > 0.0) {
                (x, y) = (0.5 * x, 0.5 * y);
                continue;
            }
            x -= (at.dy_dy * ex - at.dx_dy * ey) / determinant;
            y -= (at.dx_dx * ey - at.dx_dy * ex) / determinant;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn camera(distortion: Distortion) -> CameraModel {
        let mut camera = CameraModel::pinhole(640, 480, 525.0, 520.0, 319.5, 239.5);
        camera.distortion = distortion;
        camera
    }

    /// Coefficients as calibrations of depth cameras and webcams give them: all lenses show the corners of the
    /// image.
    fn distortions() -> impl Strategy<Value = Distortion> {
        let p = -0.003..0.003;
        prop_oneof![
            Just(Distortion::None),
            (-0.2..0.2, -0.01..0.1, p.clone(), p.clone(), -0.01..0.02)
                .prop_map(|(k1, k2, p1, p2, k3)| Distortion::PlumbBob([k1, k2, p1, p2, k3])),
            (0.2..0.7, -2.8..-2.0, p.clone(), p, 1.2..1.7, -0.05..0.05).prop_map(
                |(k1, k2, p1, p2, k3, e)| {
                    // Azure Kinect: numerator and denominator nearly cancel.
                    let k = [k1, k2, p1, p2, k3, k1 - 0.1 + e, k2 + 0.1 + e, k3 - 0.05];
                    Distortion::RationalPolynomial(k)
                }
            ),
            (-0.05..0.05, -0.02..0.02, -0.01..0.01, -0.002..0.002)
                .prop_map(|(k1, k2, k3, k4)| Distortion::Equidistant([k1, k2, k3, k4])),
        ]
    }

    proptest! {
        #[test]
        fn project_undoes_unproject(d in distortions(), u in 0.0..639.0_f64, v in 0.0..479.0_f64) {
            let camera = camera(d);
            let [x, y] = camera.unproject_ray(u, v).expect("realistic lenses converge");
            let [u2, v2] = camera.project([3.0 * x, 3.0 * y, 3.0]).expect("in front");
            prop_assert!((u - u2).abs() < 1e-6 && (v - v2).abs() < 1e-6, "{u2} {v2}");
        }

        #[test]
        fn unproject_undoes_project(d in distortions(), x in -0.5..0.5_f64, y in -0.4..0.4_f64) {
            let camera = camera(d);
            let [u, v] = camera.project([2.0 * x, 2.0 * y, 2.0]).expect("in front");
            let [x2, y2] = camera.unproject_ray(u, v).expect("converges");
            prop_assert!((x - x2).abs() < 1e-8 && (y - y2).abs() < 1e-8, "{x2} {y2}");
        }

        #[test]
        fn wild_numbers_never_hang_or_lie(
            k in proptest::array::uniform8(proptest::num::f64::ANY), u in -1e4..1e4_f64, v in -1e4..1e4_f64
        ) {
            let camera = camera(Distortion::RationalPolynomial(k));
            if let Some([x, y]) = camera.unproject_ray(u, v) {
                let [u2, v2] = camera.project([x, y, 1.0]).expect("a ray came out");
                prop_assert!((u - u2).abs() < 1e-3 && (v - v2).abs() < 1e-3);
            }
        }
    }

    #[test]
    fn plumb_bob_follows_its_formula() {
        let camera = camera(Distortion::PlumbBob([-0.2, 0.05, 0.001, -0.002, 0.01]));
        let [u, v] = camera.project([0.3, -0.2, 1.0]).expect("in front");
        let r2 = 0.13;
        let radial = 1.0 - 0.2 * r2 + 0.05 * r2 * r2 + 0.01 * r2 * r2 * r2;
        let x = 0.3 * radial + 2.0 * 0.001 * 0.3 * -0.2 - 0.002 * (r2 + 2.0 * 0.09);
        let y = -0.2 * radial + 0.001 * (r2 + 2.0 * 0.04) + 2.0 * -0.002 * 0.3 * -0.2;
        assert!((u - (525.0 * x + 319.5)).abs() < 1e-9);
        assert!((v - (520.0 * y + 239.5)).abs() < 1e-9);
    }

    #[test]
    fn no_pixel_sees_behind_the_camera_or_beyond_the_fold() {
        assert_eq!(camera(Distortion::None).project([0.0, 0.0, -1.0]), None);
        assert_eq!(camera(Distortion::None).project([0.0, f64::NAN, 1.0]), None);
        let barrel = camera(Distortion::PlumbBob([-0.3, 0.0, 0.0, 0.0, 0.0]));
        // 1 + 3·k1·r² = 0 at r = 1.054.
        assert!(barrel.project([1.0, 0.0, 1.0]).is_some());
        assert_eq!(barrel.project([1.1, 0.0, 1.0]), None);
        assert_eq!(barrel.unproject_ray(319.5 + 525.0 * 0.75, 239.5), None);
    }

    #[test]
    fn ray_table_gives_the_points_of_the_pixels() {
        let camera = camera(Distortion::Equidistant([0.01, -0.002, 0.0, 0.0]));
        let table = camera.ray_table();
        assert_eq!((table.width(), table.height(), table.rays().len()), (640, 480, 307_200));
        let [x, y, z] = table.point(600, 20, 2.0).expect("a ray");
        let [u, v] = camera.project([x.into(), y.into(), z.into()]).expect("in front");
        assert!((u - 600.0).abs() < 1e-3 && (v - 20.0).abs() < 1e-3);
        assert_eq!(table.point(600, 20, 0.0), None);
        assert_eq!(table.point(640, 20, 1.0), None);
    }
}
